"""Which licenses a Link header names: `<https://…>; rel="license"` (RFC 8288, section 3; RFC 4946)."""

import re

LONGEST = 8192
"""Characters of a header that are read."""
MOST = 4
_LINK = re.compile(r"""<([^<>]{1,300})>((?:[^,<"]|"[^"]{0,300}"){0,300})""")
_RELATION = re.compile(r""";\s*rel\s*=\s*(?:"([^"]*)"|([^\s;,"]+))""", re.I)


def license_links(value: str) -> list[str]:
    """Targets of the links whose relation is `license`."""
    if "licen" not in value.lower():
        return []
    found = []
    for target, parameters in _LINK.findall(value[:LONGEST]):
        relation = _RELATION.search(parameters)  # of several the first counts
        if relation and {"license", "licence"} & set((relation[1] or relation[2] or "").lower().split()):
            found.append(target.strip())
    return found[:MOST]
