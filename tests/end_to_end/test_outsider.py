"""A stranger has the folder of a release, the verifier in it, a public key and public libraries: nothing of ours."""

import base64
import hashlib
import importlib.util
import json
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import model_signing
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors import safe_open

from tests.end_to_end.conftest import SmallRun, openbook


@dataclass(frozen=True)
class Handed:
    """What the stranger was given."""

    release: Path
    key: Path
    verifier: Any

    def problems(self) -> list[str]:
        """What the release's own verifier names; a manifest that it does not take is one problem."""
        try:
            return list(self.verifier.check_release(self.release, self.key.read_bytes()).problems)
        except self.verifier.OpenbookError as error:
            return [str(error)]


@pytest.fixture(scope="module")
def handed(small_run: SmallRun, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Handed]:
    folder = tmp_path_factory.mktemp("outsider")
    shutil.copytree(small_run.run / "release", folder / "release")
    assert openbook("sign", "--new-key", "key.pem", folder=folder).returncode == 0
    signed = openbook("sign", "release", "--key", "key.pem", folder=folder)
    assert signed.returncode == 0, signed.stderr
    spec = importlib.util.spec_from_file_location("verify_release", folder / "release/verify_release.py")
    assert spec
    assert spec.loader
    verifier = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(verifier)
    assert not any(name in verifier.__dict__ for name in ("openbook", "pydantic", "numpy"))
    yield Handed(folder / "release", folder / "key.pub.pem", verifier)
    sys.modules.pop("verify_release", None)


def merkle_root(leaves: list[bytes]) -> bytes:
    """RFC 6962, section 2.1, as it stands there."""
    if len(leaves) == 0:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return hashlib.sha256(b"\0" + leaves[0]).digest()
    half = 1
    while half * 2 < len(leaves):
        half *= 2
    return hashlib.sha256(b"\1" + merkle_root(leaves[:half]) + merkle_root(leaves[half:])).digest()


def canonical(value: Any) -> bytes:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def files_root(files: Mapping[str, Any]) -> str:
    return merkle_root([canonical({"path": name, **files[name]}) for name in sorted(files)]).hex()


def test_the_verifier_and_a_public_library_find_it_sound(handed: Handed) -> None:
    assert handed.problems() == []
    config = model_signing.verifying.Config().use_elliptic_key_verifier(public_key=handed.key)
    config.verify(handed.release, handed.release / "model.sig")


def test_files_records_and_roots_hold_by_the_text_of_the_documentation_alone(handed: Handed) -> None:
    manifest = json.loads((handed.release / "manifest.json").read_text())
    digest, name = (handed.release / "manifest.sha256").read_text().split()
    assert hashlib.sha256((handed.release / name).read_bytes()).hexdigest() == digest
    for file, entry in manifest["files"].items():
        data = (handed.release / file).read_bytes()
        assert (hashlib.sha256(data).hexdigest(), len(data)) == (entry["sha256"], entry["size"])
    assert files_root(manifest["files"]) == manifest["root"]
    records = {path.stem: json.loads(path.read_text()) for path in (handed.release / "records").glob("*.json")}
    assert {step: record["root"] for step, record in records.items()} == manifest["roots"]
    for step, record in records.items():
        rooted = {file: entry for file, entry in record["files"].items() if file not in record["unrooted"]}
        assert files_root(rooted) == record["root"], step
        asked = {field: record[field] for field in ("step", "version", "settings", "inputs")}
        assert hashlib.sha256(canonical(asked)).hexdigest() == record["identity"]
        for name, root in record["inputs"].items():
            assert " " in name or root == records[name]["root"]
    way, step = ["export"], "export"
    for step in ("model", "tokens", "corpus", "annotated", "sources"):
        assert step in records[way[-1]]["inputs"]
        way.append(step)
    weights = hashlib.sha256((handed.release / "model/model.safetensors").read_bytes()).hexdigest()
    assert any(weights == entry["sha256"] for entry in records["model"]["files"].values())
    with safe_open(handed.release / "model/model.safetensors", "numpy") as tensors:
        assert list(tensors.keys())
    ids = (handed.release / "corpus/document-ids.txt").read_text().split()
    assert ids == sorted(set(ids))
    assert len(ids) == records["corpus"]["counts"]["documents"]
    assert merkle_root([bytes.fromhex(one) for one in ids]).hex() == manifest["corpus_root"]


def test_a_receipt_is_checked_by_hand(handed: Handed) -> None:
    """Folding the path of RFC 6962 needs ten lines."""
    manifest = json.loads((handed.release / "manifest.json").read_text())
    for asked in ("https://mt.example/1.html", "https://nobody.example/"):
        made = openbook("receipt", "release", "--url", asked, folder=handed.release.parent)
        receipt = json.loads(made.stdout)
        name = asked.removeprefix("https://").rstrip("/")
        assert receipt["key"] == hashlib.sha256(name.encode()).hexdigest()
        tree, size = receipt["tree"], receipt["size"]
        said = canonical({"kind": "urls", "size": size, "tree": tree})
        assert hashlib.sha256(said).hexdigest() == manifest["keys"]["urls"]["root"]
        for leaf in receipt["leaves"]:
            node = hashlib.sha256(b"\0" + bytes.fromhex(leaf["key"])).digest()
            at, last = leaf["index"], size - 1
            for other in map(bytes.fromhex, leaf["path"]):
                if at % 2 or at == last:
                    node = hashlib.sha256(b"\1" + other + node).digest()
                    while not at % 2 and at:
                        at, last = at // 2, last // 2
                else:
                    node = hashlib.sha256(b"\1" + node + other).digest()
                at, last = at // 2, last // 2
            assert node.hex() == tree
        keys = [leaf["key"] for leaf in receipt["leaves"]]
        if asked == "https://mt.example/1.html":
            assert receipt["present"]
            assert keys == [receipt["key"]]
        else:
            assert not receipt["present"]
            assert sorted([*keys, receipt["key"]]).index(receipt["key"]) in (0, 1)


@settings(max_examples=40, deadline=None)
@given(data=st.data())
def test_any_byte_flipped_in_any_file_is_caught_and_the_file_named(handed: Handed, data: st.DataObject) -> None:
    files = sorted(path for path in handed.release.rglob("*") if path.is_file())
    path = data.draw(st.sampled_from(files))
    good = path.read_bytes()
    if not good:
        return
    bit = data.draw(st.integers(0, 8 * len(good) - 1))
    spoiled = bytearray(good)
    spoiled[bit // 8] ^= 1 << bit % 8
    try:
        path.write_bytes(bytes(spoiled))
        found = handed.problems()
    finally:
        path.write_bytes(good)
    assert found
    assert any(path.relative_to(handed.release).as_posix() in one for one in found)


def rolled(release: Path) -> None:
    """Manifest and digest written anew, with the means of a forger who read the documentation."""
    manifest = json.loads((release / "manifest.json").read_text())
    for name in manifest["files"]:
        data = (release / name).read_bytes()
        manifest["files"][name] = {"sha256": hashlib.sha256(data).hexdigest(), "size": len(data)}
    manifest["root"] = files_root(manifest["files"])
    data = canonical(manifest) + b"\n"
    (release / "manifest.json").write_bytes(data)
    (release / "manifest.sha256").write_text(f"{hashlib.sha256(data).hexdigest()}  manifest.json\n")


@pytest.mark.parametrize("change", ["reorder", "drop", "add"])
def test_a_document_reordered_dropped_or_added_is_caught_even_under_a_new_manifest(
    handed: Handed, change: str, tmp_path: Path
) -> None:
    release = Path(shutil.copytree(handed.release, tmp_path / "release"))
    path = release / "corpus/document-ids.txt"
    ids = path.read_text().split()
    if change == "reorder":
        ids[3], ids[9] = ids[9], ids[3]
    elif change == "drop":
        del ids[7]
    else:
        ids = sorted([*ids, hashlib.sha256(b"one more").hexdigest()])
    path.write_text("".join(f"{one}\n" for one in ids))
    (release / "model.sig").unlink()  # the forger cannot sign
    rolled(release)
    found = handed.verifier.check_release(release).problems
    assert any(one.startswith("corpus/document-ids.txt") for one in found)


@pytest.mark.parametrize("name", ["README.md", "records/evaluation.json", "records/corpus.json", "reports/bits.json"])
def test_a_number_edited_in_a_document_or_record_is_caught_even_under_a_new_manifest(
    handed: Handed, name: str, tmp_path: Path
) -> None:
    release = Path(shutil.copytree(handed.release, tmp_path / "release"))
    text = (release / name).read_text()
    at = max(text.rfind(digit) for digit in "123")
    (release / name).write_text(text[:at] + "8" + text[at + 1 :])
    rolled(release)
    found = handed.verifier.check_release(release, handed.key.read_bytes()).problems
    assert f"model.sig: {name} is not what was signed" in found


def test_the_signature_is_one_over_plain_bytes(handed: Handed) -> None:
    """ECDSA by a public library over DSSE's pre-authentication encoding; the statement names every file."""
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    envelope = json.loads((handed.release / "model.sig").read_text())["dsseEnvelope"]
    payload = base64.b64decode(envelope["payload"])
    kind = envelope["payloadType"].encode()
    key = serialization.load_pem_public_key(handed.key.read_bytes())
    assert isinstance(key, ec.EllipticCurvePublicKey)
    signed = b"DSSEv1 %d %s %d %s" % (len(kind), kind, len(payload), payload)
    key.verify(base64.b64decode(envelope["signatures"][0]["sig"]), signed, ec.ECDSA(hashes.SHA256()))
    named = {one["name"]: one["digest"] for one in json.loads(payload)["predicate"]["resources"]}
    files = {path.relative_to(handed.release).as_posix() for path in handed.release.rglob("*") if path.is_file()}
    assert set(named) == files - {"model.sig"}


def test_training_steps_and_results_come_out_again(small_run: SmallRun) -> None:
    result = openbook("verify", small_run.run / "release", "--replay", "10", "--json", folder=small_run.folder)
    assert result.returncode == 0, result.stderr
    told = json.loads(result.stdout)
    assert told["sound"]
    assert any("were run again: every bit" in one for one in told["rerun"])
    assert sum("was scored again" in one for one in told["rerun"]) == 10
    short = openbook("verify", small_run.run / "release", "--replay", "1", folder=small_run.folder)
    assert short.returncode == 2
    assert "--replay 10" in short.stderr
