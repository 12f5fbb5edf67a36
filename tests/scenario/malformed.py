"""A hundred ways to get a scenario wrong, each with the key that the refusal must name."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

SOUND = """
[programme]
name = "Sound"
party = "openai"
start = "2027-01"
end = "2030-12"
opening_cash = "6 bn USD"

[[party]]
id = "openai"
name = "OpenAI"

[[party]]
id = "nvidia"
name = "NVIDIA"

[[party]]
id = "landlord"
name = "Landlord"

[[site]]
id = "alpha"
latitude = "32.5 degree"
longitude = "-99.8 degree"
power = [
    { from = "2027-07", facility = "100 MW facility" },
    { from = "2028-07", it = "200 MW IT" },
]

[[site]]
catalog = "stargate-milam"
ownership = { kind = "leased", lessor = "landlord", rent = "130 kUSD/MW IT/month", escalator = "3 percent/year" }
power = [{ from = "2027-07", facility = "200 MW facility" }]
energy_price = "52 USD/MWh"

[[platform]]
id = "gb300-nvl72"
supply = [{ from = "2027-01", rate = "100 rack/month" }, { from = "2028-01", rate = "200 rack/month" }]

[[service]]
id = "chat"
model = "gpt-oss-120b"
demand = { start = "1e15 token/month", growth = [{ from = "2027-01", rate = "80 percent/year" }] }
input_price = "0.05 USD/Mtoken"
output_price = { anchors = { "2027-01" = "0.40 USD/Mtoken", "2029-01" = "0.20 USD/Mtoken" } }

[[training]]
id = "run"
model = "llama-3.1-70b"
compute = "1e25 FLOP"
earliest = "2028-01"
deadline = "2028-12"
sequence = "8192 token"
batch = "16e6 token"
accelerators = "2304 GPU"

[[contract]]
kind = "milestone-tranches"
id = "tranches"
investor = "nvidia"
unit = "100 MW facility"
amount = "0.5 bn USD"
cap = "1 bn USD"
signed = "2025-09-22"
binding = false

[[contract]]
kind = "equity-round"
id = "round"
investor = "nvidia"
instalments = [{ on = "2027-04-01", amount = "1 bn USD" }]

[[contract]]
kind = "residual-guarantee"
id = "guarantee"
guarantor = "nvidia"
lessor = "landlord"
site = "stargate-milam"
covered = "100 MW IT"
cap = "1 bn USD"

[[target]]
facility = "200 MW facility"
by = "2030-06"
"""

SITELESS = SOUND[: SOUND.index("[[site]]")] + SOUND[SOUND.index("[[platform]]") :]


@dataclass(frozen=True, slots=True, kw_only=True)
class Malformed:
    """One mistake: `write` puts the files into a folder and names the scenario; `where` must stand in the refusal."""

    name: str
    write: Callable[[Path], Path]
    where: str
    overrides: tuple[str, ...] = ()


def _file(folder: Path, octets: bytes) -> Path:
    path = folder / "my.toml"
    path.write_bytes(octets)
    return path


def octets(name: str, content: bytes, where: str = "my.toml") -> Malformed:
    """A file with these octets."""
    return Malformed(name=name, write=lambda folder: _file(folder, content), where=where)


def changed(name: str, old: str, new: str, where: str) -> Malformed:
    """The sound scenario with one passage changed; the passage must be there."""
    if SOUND.count(old) != 1:
        raise AssertionError(f"{name}: {old!r} stands {SOUND.count(old)} times in the sound scenario")
    return octets(name, SOUND.replace(old, new).encode(), where)


def added(name: str, text: str, where: str) -> Malformed:
    """The sound scenario with text at its end."""
    return octets(name, (SOUND + text).encode(), where)


def setting(name: str, *overrides: str, where: str = "--set") -> Malformed:
    """The sound scenario with overrides that cannot be applied."""
    return Malformed(
        name=name, write=lambda folder: _file(folder, SOUND.encode()), where=where, overrides=tuple(overrides)
    )


def files(name: str, where: str, **contents: str) -> Malformed:
    """Several files, of which `my` is the scenario."""

    def write(folder: Path) -> Path:
        for stem, text in contents.items():
            (folder / f"{stem}.toml").write_text(text)
        return folder / "my.toml"

    return Malformed(name=name, write=write, where=where)


def _fifty_megabytes(folder: Path) -> Path:
    return _file(folder, b"# fifty megabytes of comment\n" * 1_750_000)


def _directory(folder: Path) -> Path:
    (folder / "my.toml").mkdir()
    return folder / "my.toml"


UNREADABLE = (
    octets("empty file", b"", "programme"),
    octets("not TOML", b"programme: {name: yaml}"),
    octets("invalid UTF-8", SOUND.replace("Sound", "S\u00e9").encode("latin-1")),
    octets("UTF-16", SOUND.encode("utf-16")),
    octets("NUL octet", b'[programme]\nname = "a\x00b"\n'),
    octets("only NUL octets", b"\x00" * 4096),
    octets("control character", b'name = "\x1b[31m"'),
    octets("brackets without end", b"a = " + b"[" * 20_000),
    octets("tables nested deeply", b"a = " + b"{a=" * 900 + b"1" + b"}" * 900),
    octets("dotted key nested deeply", (".".join("a" * 5000) + " = 1").encode()),
    octets("number of 5000 digits", b"a = " + b"9" * 5000),
    octets("key twice", b"a = 1\na = 2\n"),
    octets("JSON", b'{"programme": {}}'),
    Malformed(name="file of 50 MB", write=_fifty_megabytes, where="my.toml"),
    Malformed(name="directory", write=_directory, where="my.toml"),
    Malformed(name="missing file", write=lambda folder: folder / "nowhere.toml", where="nowhere.toml"),
    Malformed(name="name too long", write=lambda folder: folder / ("x" * 5000 + ".toml"), where="xxx"),
    Malformed(name="no such bundled name", write=lambda _: Path("loi-2205"), where="loi-2205"),
)

SHAPES = (
    changed("misspelled table", "[[site]]\nid", "[[sites]]\nid", "sites"),
    changed("misspelled key", 'energy_price = "52', 'energy_prise = "52', "energy_prise"),
    changed("misspelled nested key", "escalator =", "escalater =", "ownership.escalater"),
    changed("unknown top-level key", "[programme]", "colour = 3\n[programme]", "colour"),
    changed("missing start", 'start = "2027-01"\n', "", "programme.start"),
    changed("missing name", 'name = "Sound"\n', "", "programme.name"),
    changed("missing opening cash", 'opening_cash = "6 bn USD"\n', "", "programme.opening_cash"),
    changed("missing price of tokens", 'input_price = "0.05 USD/Mtoken"\n', "", "input_price"),
    changed("missing compute", 'compute = "1e25 FLOP"\n', "", "compute"),
    changed("missing kind", 'kind = "equity-round"\n', "", "contract[1]"),
    changed("unknown kind of contract", '"equity-round"', '"equity"', "kind"),
    changed("unknown kind of ownership", '"leased"', '"rented"', "ownership.kind"),
    changed(
        "cloud without price",
        'kind = "leased", lessor = "landlord", rent = "130 kUSD/MW IT/month", escalator = "3 percent/year"',
        'kind = "cloud"',
        "ownership.price",
    ),
    changed("site is no list", "[[site]]\nid", "[other]\nid", "other"),
    octets("no sites", SITELESS.encode(), "site"),
    octets("site is a table", (SITELESS + "[site]\nid = 'alpha'\n").encode(), "site"),
    octets("site is a list of numbers", ("site = [1, 2]\n" + SITELESS).encode(), "site[0]"),
    changed("programme is a string", "[programme]", 'programme = "x"\n[costs]', "programme"),
    changed("empty power", 'power = [{ from = "2027-07", facility = "200 MW facility" }]', "power = []", "power"),
    changed(
        "power is a string",
        'power = [{ from = "2027-07", facility = "200 MW facility" }]',
        'power = "200 MW facility"',
        "power",
    ),
    changed("empty list of instalments", '[{ on = "2027-04-01", amount = "1 bn USD" }]', "[]", "instalments"),
    changed("empty name", 'name = "Sound"', 'name = ""', "programme.name"),
    changed("number as name", 'name = "Sound"', "name = 7", "programme.name"),
    changed("id with spaces", 'id = "alpha"', 'id = "Alpha Site"', "site[0]"),
    changed("id with a path", 'id = "alpha"', 'id = "../../etc"', "site[0]"),
    changed("unknown period", 'end = "2030-12"', 'end = "2030-12"\nperiod = "week"', "programme.period"),
    changed("unknown objective", 'end = "2030-12"', 'end = "2030-12"\nobjective = "fame"', "programme.objective"),
    changed("unknown precision", 'sequence = "8192 token"', 'sequence = "8192 token"\nprecision = "fp64"', "precision"),
    changed("unknown cooling", 'energy_price = "52', 'cooling = "hope"\nenergy_price = "52', "cooling"),
    changed("unknown role", 'name = "NVIDIA"', 'name = "NVIDIA"\nroles = ["king"]', "roles"),
    changed("word for a flag", "binding = false", 'binding = "no"', "binding"),
    changed("number for a flag", "binding = false", "binding = 0", "binding"),
    changed("negative count", "binding = false", "binding = false\npaid_on_signature = -1", "paid_on_signature"),
    changed("huge count", "binding = false", f"binding = false\npaid_on_signature = {10**30}", "paid_on_signature"),
    changed("fractional count", 'end = "2030-12"', "months = 48.5", "programme.months"),
    changed("true as count", 'end = "2030-12"', "months = true", "programme.months"),
)

QUANTITIES = (
    changed("bare number", '"52 USD/MWh"', "52", "energy_price"),
    changed("number in a string", '"52 USD/MWh"', '"52"', "energy_price"),
    changed("unit without number", '"52 USD/MWh"', '"USD/MWh"', "energy_price"),
    changed("wrong unit", '"52 USD/MWh"', '"52 USD"', "energy_price"),
    changed("unknown unit", '"52 USD/MWh"', '"52 zorkmid/MWh"', "energy_price"),
    changed("unknown currency", '"52 USD/MWh"', '"52 EUR/MWh"', "energy_price"),
    changed("negative price", '"52 USD/MWh"', '"-52 USD/MWh"', "energy_price"),
    changed("not a number", '"52 USD/MWh"', "nan", "energy_price"),
    changed("infinite", '"52 USD/MWh"', "inf", "energy_price"),
    changed("infinite in words", '"52 USD/MWh"', '"inf USD/MWh"', "energy_price"),
    changed("overflow", '"52 USD/MWh"', '"1e999 USD/MWh"', "energy_price"),
    changed("expression", '"52 USD/MWh"', "\"__import__('os')\"", "energy_price"),
    changed("quantity of a megabyte", '"52 USD/MWh"', f'"{"9" * 1_000_000} USD/MWh"', "energy_price"),
    changed("table as quantity", '"52 USD/MWh"', "{ value = 52 }", "energy_price"),
    changed("power without basis", '"100 MW facility" },', '"100 MW" },', "power[0].facility"),
    changed("IT power as facility power", 'facility = "200 MW facility" }', 'facility = "200 MW IT" }', "facility"),
    changed("facility power as IT power", '"200 MW IT"', '"200 MW facility"', "power[1].it"),
    changed("grid power as facility power", '"100 MW facility" },', '"100 MW grid" },', "power[0].facility"),
    changed("energy as power", '"100 MW facility" },', '"100 MWh" },', "power[0].facility"),
    changed("negative power", '"100 MW facility" },', '"-100 MW facility" },', "power[0].facility"),
    changed("rent per facility MW", '"130 kUSD/MW IT/month"', '"130 kUSD/MW facility/month"', "ownership.rent"),
    changed("rent without basis", '"130 kUSD/MW IT/month"', '"130 kUSD/MW/month"', "ownership.rent"),
    changed("escalator above one", '"3 percent/year"', '"300 percent/year"', "ownership.escalator"),
    changed("tranche without basis", 'unit = "100 MW facility"', 'unit = "100 MW"', "unit"),
    changed("tranche of nothing", 'unit = "100 MW facility"', 'unit = "0 MW facility"', "unit"),
    changed("guarantee on facility power", 'covered = "100 MW IT"', 'covered = "100 MW facility"', "covered"),
    changed("no computation", '"1e25 FLOP"', '"0 FLOP"', "compute"),
    changed("rate as computation", '"1e25 FLOP"', '"1e25 FLOP/s"', "compute"),
    changed("power beyond every number", '"100 MW facility" },', '"1e308 MW facility" },', "power[0].facility"),
    changed("PUE below one", 'energy_price = "52', 'peak_pue = "0.9 ratio"\nenergy_price = "52', "peak_pue"),
    changed("no time for a token", 'id = "chat"', 'id = "chat"\ntpot = "0 ms"', "tpot"),
    changed("a rack without life", 'id = "gb300-nvl72"', 'id = "gb300-nvl72"\nlife = "0 month"', "life"),
    changed("slip of ages", 'energy_price = "52', 'slip_median = "1e9 month"\nenergy_price = "52', "slip_median"),
    changed("payment in a later age", "binding = false", 'binding = false\npayment_lag = "1e9 month"', "payment_lag"),
    changed("tranche of no money", 'amount = "0.5 bn USD"', 'amount = "0 USD"', "amount"),
    changed("cap below one tranche", 'amount = "0.5 bn USD"', 'amount = "2 bn USD"', "cap"),
    changed("a billion tranches", 'amount = "0.5 bn USD"', 'amount = "1 USD"', "cap"),
    changed("a batch below one sequence", '"16e6 token"', '"100 token"', "batch"),
    changed("half an accelerator", '"2304 GPU"', '"2304.5 GPU"', "accelerators"),
    changed("racks as accelerators", '"2304 GPU"', '"32 rack"', "accelerators"),
    changed("latitude beyond the pole", '"32.5 degree"', '"98 degree"', "latitude"),
    changed("shrinking below nothing", '"80 percent/year"', '"-150 percent/year"', "growth[0].rate"),
    changed("growth beyond every number", '"80 percent/year"', '"1e300 percent/year"', "demand.growth"),
    changed("growth without year", '"80 percent/year"', '"80 percent"', "growth[0].rate"),
    changed("price of nothing between anchors", '"0.20 USD/Mtoken"', '"0 USD/Mtoken"', "anchors"),
    added("cost on the wrong basis", '[costs]\nbuilding = "6.5 MUSD/MW IT"\n', "costs.building"),
    added("fraction above one", '[operation]\navailability = "105 percent"\n', "operation.availability"),
    added(
        "range in disorder",
        '[operation]\navailability = { low = "0.9 ratio", best = "0.8 ratio" }\n',
        "operation.availability",
    ),
    added("half a month of ramp", '[operation]\nramp = "1.5 month"\n', "operation.ramp"),
    changed("malformed reference", '"52 USD/MWh"', '"@somewhere"', "energy_price"),
    changed("reference to nothing", '"52 USD/MWh"', '"@economics/power-price/atlantis"', "energy_price"),
    changed("reference to an unknown record", '"52 USD/MWh"', '"@economics/nothing/at-all"', "energy_price"),
    changed("reference to another dimension", '"52 USD/MWh"', '"@platforms/vr-nvl72/street-price"', "energy_price"),
    changed("reference to power without basis", '"200 MW IT"', '"@deals/openai-oracle/capacity"', "power[1].it"),
)

DATES = (
    changed("thirteenth month", 'earliest = "2028-01"', 'earliest = "2028-13"', "earliest"),
    changed("day that does not exist", '"2025-09-22"', '"2025-02-30"', "signed"),
    changed("year zero", 'start = "2027-01"', 'start = "0000-01"', "programme.start"),
    changed("bare date", 'start = "2027-01"', "start = 2027-01-01", "programme.start"),
    changed("a season", 'start = "2027-01"', 'start = "2027-H2"', "programme.start"),
    changed("a day for a month", 'earliest = "2028-01"', 'earliest = "2028-01-15"', "earliest"),
    changed("end before start", 'end = "2030-12"', 'end = "2026-12"', "programme.end"),
    changed("end and months", 'end = "2030-12"', 'end = "2030-12"\nmonths = 48', "programme"),
    changed("neither end nor months", 'end = "2030-12"\n', "", "programme"),
    changed("a month too many for quarters", 'end = "2030-12"', 'end = "2031-01"', "programme.end"),
    changed("a century and a half", 'end = "2030-12"', 'end = "2180-12"', "programme.end"),
    changed("deadline before earliest", 'deadline = "2028-12"', 'deadline = "2027-12"', "deadline"),
    changed("run after the end", 'deadline = "2028-12"', 'deadline = "2035-12"', "deadline"),
    changed("run before the start", 'earliest = "2028-01"', 'earliest = "2026-01"', "earliest"),
    changed("target after the end", 'by = "2030-06"', 'by = "2040-06"', "target[0]"),
    changed("steps of power in disorder", '"2028-07", it', '"2027-01", it', "power[1].from"),
    changed("steps of power that shrink", '"200 MW IT"', '"50 MW IT"', "power[1]"),
    changed("steps of supply in disorder", '{ from = "2028-01", rate', '{ from = "2026-01", rate', "supply[1].from"),
    changed("instalment before the start", '"2027-04-01"', '"2026-04-01"', "instalments[0].on"),
    changed("signature before the start", "binding = false", "binding = false\npaid_on_signature = 1", "signed"),
    changed(
        "growth that starts later",
        '"1e15 token/month", growth',
        '"1e15 token/month", at = "2029-01", growth',
        "demand.at",
    ),
    changed("anchor in no month", '"2029-01" = "0.20', '"2029" = "0.20', "output_price.anchors.2029"),
    changed(
        "no anchors",
        '{ anchors = { "2027-01" = "0.40 USD/Mtoken", "2029-01" = "0.20 USD/Mtoken" } }',
        "{ anchors = {} }",
        "output_price.anchors",
    ),
)

NAMES = (
    added(
        "site twice", '[[site]]\nid = "alpha"\npower = [{ from = "2027-07", facility = "1 MW facility" }]\n', "site[2]"
    ),
    added("party twice", '[[party]]\nid = "nvidia"\nname = "Again"\n', "party[3]"),
    added(
        "platform twice",
        '[[platform]]\nid = "gb300-nvl72"\nsupply = [{ from = "2027-01", rate = "1 rack/month" }]\n',
        "platform[1]",
    ),
    changed("site without id", 'id = "alpha"\n', "", "site[0]"),
    changed("site without location", 'latitude = "32.5 degree"\n', "", "site[0]"),
    changed("unknown site of the catalogue", '"stargate-milam"\nown', '"stargate-mars"\nown', "site[1]"),
    changed("unknown platform", 'id = "gb300-nvl72"', 'id = "gb3000-nvl72"', "platform[0]"),
    changed("platform without published figures", 'id = "gb300-nvl72"', 'id = "feynman"', "platform[0]"),
    changed("unknown model", '"llama-3.1-70b"', '"llama-9-1t"', "model"),
    changed("unknown investor", 'id = "round"\ninvestor = "nvidia"', 'id = "round"\ninvestor = "nvidea"', "investor"),
    changed(
        "investor who pays itself", 'id = "round"\ninvestor = "nvidia"', 'id = "round"\ninvestor = "openai"', "investor"
    ),
    changed(
        "tranches paid to oneself",
        'id = "tranches"\ninvestor = "nvidia"',
        'id = "tranches"\ninvestor = "openai"',
        "investor",
    ),
    changed("unknown programme", 'party = "openai"', 'party = "opennai"', "programme.party"),
    changed(
        "unknown lessor", 'kind = "leased", lessor = "landlord"', 'kind = "leased", lessor = "lord"', "ownership.lessor"
    ),
    changed("unknown utility", 'energy_price = "52', 'utility = "grid-co"\nenergy_price = "52', "utility"),
    changed(
        "site with an unoffered platform",
        'energy_price = "52',
        'platforms = ["vr-nvl72"]\nenergy_price = "52',
        "platforms[0]",
    ),
    changed("tranches for an unknown site", "binding = false", 'binding = false\nsites = ["beta"]', "sites[0]"),
    changed(
        "tranches for an unknown platform", "binding = false", 'binding = false\nplatforms = ["h100"]', "platforms[0]"
    ),
    changed("guarantee for an unknown site", 'site = "stargate-milam"', 'site = "stargate-milan"', "site"),
    changed("guarantee for an owned site", 'site = "stargate-milam"', 'site = "alpha"', "lessor"),
    changed("both bases of power", 'it = "200 MW IT"', 'it = "200 MW IT", facility = "250 MW facility"', "power[1]"),
    changed("neither basis of power", ', it = "200 MW IT"', "", "power[1]"),
    changed(
        "minimum cash above opening cash",
        'opening_cash = "6 bn USD"',
        'opening_cash = "6 bn USD"\nminimum_cash = "7 bn USD"',
        "minimum_cash",
    ),
    octets(
        "objective without target",
        SOUND[: SOUND.index("[[target]]")]
        .replace('end = "2030-12"', 'end = "2030-12"\nobjective = "earliest-target"')
        .encode(),
        "programme.objective",
    ),
)

INCLUDES = (
    files("include of itself", "include", my='include = ["my.toml"]\n'),
    files("include in a circle", "include", my='include = ["a.toml"]\n', a='include = ["my.toml"]\n'),
    files("include that is missing", "include[0]", my='include = ["gone.toml"]\n' + SOUND),
    files("include of a directory", "include[0]", my='include = ["."]\n' + SOUND),
    files("include of an endless name", "include[0]", my=f'include = ["{"x" * 5000}"]\n' + SOUND),
    files("include of nothing", "include[0]", my='include = [""]\n' + SOUND),
    files("include that leads out", "include[0]", my='include = ["../../etc/passwd"]\n' + SOUND),
    files("include with an absolute path", "include[0]", my='include = ["/etc/passwd"]\n' + SOUND),
    files("include that is no list", "include", my='include = "a.toml"\n' + SOUND),
    files("include of a number", "include", my="include = [3]\n" + SOUND),
    files(
        "mistake in an include",
        "a.toml: costs.building",
        my='include = ["a.toml"]\n' + SOUND,
        a='[costs]\nbuilding = "1 USD"\n',
    ),
)

SETTINGS = (
    setting("set nothing", "programme.discount_rate"),
    setting("set to nothing", "programme.discount_rate="),
    setting("set no key", "=12 percent"),
    setting("set a malformed key", "programme..discount_rate=12 percent"),
    setting("set an unknown key", "programme.discont_rate=12 percent", where="programme.discont_rate"),
    setting("set an unknown table", "programm.discount_rate=12 percent", where="programm"),
    setting("set an unknown site", "site.alpah.energy_price=60 USD/MWh", where="site.alpah"),
    setting("set an index beyond the list", "site[9].energy_price=60 USD/MWh", where="site[9]"),
    setting("set into a quantity", "programme.opening_cash.value=3 bn USD", where="programme.opening_cash.value"),
    setting("set a bare number", "programme.discount_rate=12", where="programme.discount_rate"),
    setting("set a wrong unit", "site.alpha.energy_price=60 USD", where="site.alpha.energy_price"),
    setting("set a list that is not there", "solver[0].gap=1 percent", where="solver[0]"),
    setting("set two lines", 'programme.name="a"\nend = "2028-12"', where="--set"),
    setting("set a key of a list", "site.energy_price=60 USD/MWh", where="site.energy_price"),
)

MALFORMED = (*UNREADABLE, *SHAPES, *QUANTITIES, *DATES, *NAMES, *INCLUDES, *SETTINGS)
