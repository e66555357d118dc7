"""The verifier as a program: checks the release that it lies in, and receipts and logs beside it."""

import argparse
import json
import sys
from pathlib import Path

from openbook.books.note import parse_verifier_key
from openbook.books.presence import check_receipt
from openbook.books.tiles import check_log, check_proof, parse_checkpoint, read_bounded
from openbook.errors import OpenbookError
from openbook.release.standalone.checks import check_release, release_entry
from openbook.release.standalone.listing import read_manifest


def verify_main(arguments: list[str] | None = None) -> int:
    """0 when everything is as it was made, 1 when something was changed, 2 when there is nothing to check."""
    options = _options().parse_args(arguments)
    try:
        findings = check_release(options.release, options.key.read_bytes() if options.key else None)
        problems, said = list(findings.problems), [findings.signed]
        for path in options.receipt:
            said.append(_receipt(path, options.release))
        if options.log or options.proof:
            said.append(_log(options))
    except (OpenbookError, OSError) as error:
        print(error, file=sys.stderr)
        return 2 if not isinstance(error, OpenbookError) else 1
    if options.json:
        print(json.dumps({"sound": not problems, **findings._asdict(), "also": said[1:]}, ensure_ascii=False, indent=1))
    else:
        for problem in problems:
            print(f"CHANGED  {problem}")
        counted = f"{findings.files} files, {findings.bytes:,} bytes, {findings.records} records"
        verdict = "is NOT what it was when it was made" if problems else "nothing was changed"
        print(f"{options.release}: {verdict} ({counted}, {findings.documents:,} documents)")
        print("\n".join(said))
    return 1 if problems else 0


def _options() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Check a release of Openbook, offline, with Python alone.")
    parser.add_argument("release", type=Path, nargs="?", default=Path(__file__).resolve().parent)
    parser.add_argument("--key", type=Path, help="the signer's public key (PEM), from a place other than the release")
    parser.add_argument("--receipt", type=Path, action="append", default=[], help="a receipt about this release")
    parser.add_argument("--log", type=Path, help="folder of the provider's log, which must list this release")
    parser.add_argument("--proof", type=Path, help="a .tlog-proof that the log lists this release")
    parser.add_argument("--log-key", help="the log's key: NAME+ID+BASE64")
    parser.add_argument("--before", type=Path, help="an older checkpoint, which the log must have grown from")
    parser.add_argument("--json", action="store_true")
    return parser


def _receipt(path: Path, release: Path) -> str:
    data = read_bounded(path, 1 << 16)
    manifest = read_manifest(release)
    kind = json.loads(data).get("kind") if data[:1] == b"{" else None
    root = (manifest.get("keys") or {}).get(kind, {}).get("root", "")
    found = check_receipt(data, bytes.fromhex(root))
    return f"{path}: {found.name or found.key.hex()} is {'' if found.present else 'not '}in the list of {found.kind}"


def _log(options: argparse.Namespace) -> str:
    if not options.log_key:
        raise OpenbookError("--log and --proof need --log-key, the key of the log.")
    key, entry = parse_verifier_key(options.log_key), release_entry(options.release)
    if options.proof:
        found = check_proof(read_bounded(options.proof, 1 << 20).decode("utf-8", "replace"), entry, key)
        return f"{options.proof}: the log {found.origin} lists this release ({found.size:,} entries)"
    before = None
    if options.before:
        text = read_bounded(options.before, 1 << 20).decode("utf-8", "replace")
        before = parse_checkpoint(text.rpartition("\n\n")[0] + "\n")
    found, entries = check_log(options.log, key, before)
    if entry not in entries:
        raise OpenbookError(f"{options.log}: the log does not list this release.")
    return f"{options.log}: entry {entries.index(entry)} of {found.size:,} is this release"
