"""The corpus as a Croissant 1.1 dataset (mlcommons.org/croissant): what a program that looks for data sets reads."""

from pathlib import Path
from typing import Any

from openbook.books.digest import sha256_file
from openbook.release.documents.companions import said
from openbook.release.facts import Facts

CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    "citeAs": "cr:citeAs",
    "column": "cr:column",
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "equivalentProperty": "cr:equivalentProperty",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "extract": "cr:extract",
    "field": "cr:field",
    "fileProperty": "cr:fileProperty",
    "fileObject": "cr:fileObject",
    "fileSet": "cr:fileSet",
    "format": "cr:format",
    "includes": "cr:includes",
    "isLiveDataset": "cr:isLiveDataset",
    "jsonPath": "cr:jsonPath",
    "key": "cr:key",
    "md5": "cr:md5",
    "parentField": "cr:parentField",
    "path": "cr:path",
    "recordSet": "cr:recordSet",
    "references": "cr:references",
    "regex": "cr:regex",
    "repeated": "cr:repeated",
    "replace": "cr:replace",
    "samplingRate": "cr:samplingRate",
    "sc": "https://schema.org/",
    "separator": "cr:separator",
    "source": "cr:source",
    "subField": "cr:subField",
    "transform": "cr:transform",
}
"""The context of the specification, whole: readers compare it."""
CONFORMS_TO = ["http://mlcommons.org/croissant/1.1", "http://mlcommons.org/croissant/RAI/1.0"]


def croissant(release: Path, facts: Facts) -> dict[str, Any]:
    """The content of croissant.json, with facts in the place of values.

    The texts are not in a release; what is there of the corpus, its ids and its counts, is what can be read.
    """
    known = facts.facts
    entry: dict[str, Any] = {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": CONFORMS_TO,
        "name": f"{known['name'].value}-corpus",
        "description": said(known["content_types"]),
        "license": list(dict.fromkeys(str(row[0].value) for row in facts.tables["licenses"].rows)),
        "url": known["url"] if known["url"].recorded else f"urn:sha256:{known['corpus_root'].value}",
        "version": known["version"] if known["version"].recorded else "1.0.0",
        "datePublished": known["market_date"] if known["market_date"].recorded else known["gathered"],
        "creator": {"@type": "sc:Organization", "name": known["provider"]},
        "inLanguage": known["languages"],
        "isLiveDataset": False,
        "citeAs": f"{known['name'].value}, corpus root {known['corpus_root'].value}",
        "rai:dataCollection": said(known["content_types"]),
        "rai:dataCollectionType": known["origin_kinds"],
        "rai:dataCollectionTimeframe": [known[key] for key in ("first_date", "last_date") if known[key].recorded],
        "rai:dataCollectionMissingData": said(known["eu_languages_missing"]),
        "rai:dataPreprocessingProtocol": said(known["curation"]),
        "rai:personalSensitiveInformation": said(known["personal_data"]),
        "rai:dataBiases": known["bias_measures"],
        "rai:dataLimitations": known["limits"],
        "rai:dataUseCases": known["intended_use"],
        "rai:dataSocialImpact": known["social_impact"],
        "rai:dataReleaseMaintenancePlan": known["maintenance"],
        "distribution": [
            _file(release, "document-ids", "corpus/document-ids.txt", "text/plain"),
            _file(release, "statistics", "corpus/statistics.json", "application/json"),
        ],
        "recordSet": [
            {
                "@type": "cr:RecordSet",
                "@id": "documents",
                "name": "documents",
                "description": "The id of every document of the corpus: SHA-256 over source record and payload.",
                "field": [
                    {
                        "@type": "cr:Field",
                        "@id": "documents/id",
                        "name": "id",
                        "description": "64 hexadecimal digits.",
                        "dataType": "sc:Text",
                        "source": {"fileObject": {"@id": "document-ids"}, "extract": {"fileProperty": "lines"}},
                    }
                ],
            }
        ],
    }
    return entry


def _file(release: Path, identifier: str, path: str, kind: str) -> dict[str, Any]:
    file = release / path
    return {
        "@type": "cr:FileObject",
        "@id": identifier,
        "name": identifier,
        "contentUrl": path,
        "contentSize": f"{file.stat().st_size} B",
        "encodingFormat": kind,
        "sha256": sha256_file(file),
    }
