"""Which licenses a Link header names: `<https://…>; rel="license"` (RFC 8288, section 3; RFC 4946)."""

import re

LONGEST = 8192
"""Characters of a header that are read."""
MOST = 4
_LINK = re.compile(r"""<([^<>]{1,300})>((?:[^,<"]|"[^"]{0,300}"){0,300})""")
_PARAMETER = re.compile(r""";\s{0,9}([\w*-]{1,40})\s{0,9}=\s{0,9}(?:"([^"]*)"|([^\s;,"]+))""")


def license_links(value: str) -> list[str]:
    """Targets of the links whose relation is `license`."""
    if "licen" not in value.lower():
        return []
    found = []
    for target, parameters in _LINK.findall(value[:LONGEST]):
        relations = (quoted or bare for name, quoted, bare in _PARAMETER.findall(parameters) if name.lower() == "rel")
        if {"license", "licence"} & set(next(relations, "").lower().split()):  # of several the first counts
            found.append(target.strip())
    return found[:MOST]
