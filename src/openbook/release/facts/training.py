"""What the model is, how it was trained, on what, by which code, and what that took in time, operations and energy."""

from openbook.languages import LANGUAGES
from openbook.model import TransformerConfig
from openbook.release.fact import Books, Fact, Table, anchor, derived, sentence

CONFIG, MODEL, EXPORT = "model/config.json", "records/model.json", "records/export.json"
SAID, REPEATS = "said.json", "reports/repeats.json"
BANDS = ((5e8, "1–500 M"), (5e9, "500 M–5 B"), (15e9, "5–15 B"), (50e9, "15–50 B"), (100e9, "50–100 B"),
         (500e9, "100–500 B"), (1e12, "500 B–1 T"), (float("inf"), "> 1 T"))  # fmt: skip
"""Bands of the Model Documentation Form for the number of parameters."""
STEPS = ("sources", "parallel", "annotated", "corpus", "tokenizer", "tokens", "model", "evaluation", "export",
         "quantized")  # fmt: skip
JOULES_PER_MWH = 3.6e9


def add(books: Books, facts: dict[str, Fact], tables: dict[str, Table]) -> None:
    _model(books, facts)
    _settings(books, facts)
    _surroundings(books, facts, tables)
    _operations(books, facts)
    _energy(books, facts)
    tables["readings"] = _readings(books)


def _model(books: Books, facts: dict[str, Fact]) -> None:
    for key, name in (("architecture", "model_type"), ("layers", "num_hidden_layers"), ("width", "hidden_size"),
                      ("heads", "num_attention_heads"),
                      ("kv_heads", "num_key_value_heads"), ("vocabulary", "vocab_size"),
                      ("feed_forward", "intermediate_size"), ("context", "max_position_embeddings")):  # fmt: skip
        facts[key] = books.fact(CONFIG, name)
    facts["parameters"] = books.fact(MODEL, "counts", "weights")
    if not facts["parameters"].recorded:
        facts["parameters"] = books.fact(MODEL, "counts", "parameters")
    count = facts["parameters"]
    band = next((name for most, name in BANDS if isinstance(count.value, int) and count.value < most), None)
    facts["parameter_band"] = derived(band, "the band of the form that the number of parameters falls into", count)
    facts["model_design"] = sentence(
        "model_design", layers=facts["layers"], width=facts["width"], heads=facts["heads"], kv_heads=facts["kv_heads"],
        feed_forward=facts["feed_forward"], vocabulary=facts["vocabulary"],
    )  # fmt: skip
    facts["input_modality"] = sentence("text_up_to", tokens=facts["context"])
    facts["output_modality"] = sentence("text_up_to", tokens=facts["context"])
    facts["model_root"] = books.fact(MODEL, "root")
    facts["formats"] = books.fact(EXPORT, "settings", "export", "formats")
    facts["model_kind"] = Fact(text="base_model_kind")
    facts["technical_means"] = Fact(text="technical_means")


def _settings(books: Books, facts: dict[str, Fact]) -> None:
    facts["steps"] = books.fact(MODEL, "counts", "steps")
    facts["tokens_seen"] = books.fact(MODEL, "counts", "tokens")
    facts["seed"] = books.fact(MODEL, "settings", "train", "seed")
    facts["loss"] = books.fact(MODEL, "counts", "loss")
    for key in ("optimizer", "sequence", "batch_rows", "dtype", "temperature"):
        facts[key] = books.fact(MODEL, "settings", "train", key)
    facts["training_design"] = sentence(
        "training_design", tokens=facts["tokens_seen"], steps=facts["steps"], optimizer=facts["optimizer"],
        sequence=facts["sequence"], rows=facts["batch_rows"], temperature=facts["temperature"],
    )  # fmt: skip


def _readings(books: Books) -> Table:
    """How often each language, or part of one, was read, the most read first; no rows for models of older programs."""
    rows = []
    for at, one in enumerate(books.get(REPEATS, "readings") or []):
        code, own = one["language"], ("readings", at)
        name = f"{LANGUAGES[code].own_name} ({one['name']})" if code in LANGUAGES else one["name"]
        cells = [books.fact(REPEATS, *own, key) for key in ("tokens", "times", "asked", "limit", "capped")]
        rows.append((Fact(name, (anchor(REPEATS, *own, "name"),), "the language's name"), *cells))
    return Table(("language", "tokens", "times_read", "times_asked", "times_limit", "at_limit"), tuple(rows))


def _surroundings(books: Books, facts: dict[str, Fact], tables: dict[str, Table]) -> None:
    machine = (MODEL, "machine")
    facts["processor"] = books.fact(*machine, "processor")
    if not facts["processor"].recorded:
        facts["processor"] = books.fact(*machine, "architecture")
    facts["cores"] = books.fact(*machine, "cores")
    facts["memory"] = books.fact(*machine, "memory_bytes")
    facts["device"] = books.fact(MODEL, "measures", "arithmetic", "device")
    if _accelerated(books):
        both = (str(facts["processor"].value), str(facts["device"].value))
        facts["processor"] = derived(both, "processor and device", facts["processor"], facts["device"])
    facts["processes"] = books.fact(MODEL, "measures", "arithmetic", "processes")
    facts["hardware"] = sentence("hardware", processor=facts["processor"], cores=facts["cores"], memory=facts["memory"])
    code = (MODEL, "code")
    facts["openbook"] = books.fact(*code, "openbook")
    facts["commit"] = books.fact(*code, "git", "commit")
    facts["changed"] = books.fact(*code, "git", "changed")
    facts["python"] = books.fact(*code, "python")
    facts["torch"] = books.fact(*code, "libraries", "torch")
    names = ("openbook", "python", "torch")
    facts["software"] = sentence("software", **{name: facts[name] for name in names})
    libraries = books.get(*code, "libraries") or {}
    tables["libraries"] = Table(
        ("library", "version"),
        tuple(
            (
                Fact(n, (anchor(MODEL, "code", "libraries", n),), "the name of the entry"),
                books.fact(*code, "libraries", n),
            )
            for n in libraries
        ),
    )
    rows = []
    for step in STEPS:
        file = f"records/{step}.json"
        if books.json(file):
            rows.append(tuple(books.fact(file, key) for key in ("step", "started", "seconds", "cpu_seconds", "root")))
    tables["steps"] = Table(("step", "started", "seconds", "cpu_seconds", "root"), tuple(rows))
    facts["training_seconds"] = books.fact(MODEL, "seconds")
    for key, name in (("all_seconds", "seconds"), ("all_cpu_seconds", "cpu_seconds")):
        parts = [books.fact(f"records/{step}.json", name) for step in STEPS if books.json(f"records/{step}.json")]
        total = round(sum(float(str(part.value)) for part in parts), 3)
        facts[key] = derived(total, "sum over the steps", *parts) if parts else Fact()
    facts["started"] = books.fact("records/sources.json", "started")
    facts["trained"] = books.fact(MODEL, "started")


def _operations(books: Books, facts: dict[str, Fact]) -> None:
    """Counted from the model's shape: 6 a weight and token, and the attention (TransformerConfig.training_flops)."""
    shape = books.json(CONFIG)
    tokens, sequence = facts["tokens_seen"], facts["sequence"]
    if not shape or not tokens.recorded or not sequence.recorded:
        facts["flops"], facts["flops_method"] = Fact(), Fact()
        return
    per_token = TransformerConfig.from_huggingface(shape, CONFIG).training_flops(int(str(sequence.value)))
    where = Fact(0, (anchor(CONFIG),))
    count = f"{per_token:.6g} a token from the shape of the model, times the tokens"
    facts["flops"] = derived(per_token * int(str(tokens.value)), count, where, tokens, sequence)
    facts["flops_method"] = sentence("flops_method", flops=Fact(per_token, (anchor(CONFIG), *sequence.anchors), count))


def _energy(books: Books, facts: dict[str, Fact]) -> None:
    """Measured where every step's record holds counters; else processor seconds times the watts of the recipe."""
    files = [f"records/{step}.json" for step in STEPS if books.json(f"records/{step}.json")]
    measured = [books.get(file, "measures", "energy") for file in files]
    devices = not _accelerated(books) or "nvml_joules" in (books.get(MODEL, "measures", "energy") or {})
    if files and all(measured) and devices:
        joules = sum(value for one in measured for value in one.values())
        where = tuple(anchor(file, "measures", "energy") for file in files)
        facts["energy"] = Fact(joules / JOULES_PER_MWH, where, "joules of all counters and steps over 3.6e9")
        kinds = tuple(sorted({name.split("_")[0].upper() for one in measured for name in one}))
        facts["energy_method"] = sentence("energy_measured", counters=Fact(kinds, where, "kinds of counters"))
        return
    watts, seconds = books.fact(SAID, "release", "watts_per_core"), facts["all_cpu_seconds"]
    if _accelerated(books) or not seconds.recorded or not watts.recorded:
        facts["energy"], facts["energy_method"] = Fact(), Fact()  # processor seconds say nothing of a device's power
        return
    value = float(str(seconds.value)) * float(str(watts.value)) / JOULES_PER_MWH
    facts["energy"] = derived(value, "processor seconds x watts a core / 3.6e9", seconds, watts)
    facts["energy_method"] = sentence("energy_estimated", seconds=seconds, watts=watts)


def _accelerated(books: Books) -> bool:
    """Whether the training ran on a device of its own; on a processor its name is the machine's architecture."""
    device = books.get(MODEL, "measures", "arithmetic", "device")
    return device is not None and device != books.get(MODEL, "machine", "architecture")
