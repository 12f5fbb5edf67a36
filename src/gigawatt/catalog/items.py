"""What each kind of record says beside its figures, and the notes on a part of the catalogue."""

from typing import Annotated, Literal

from pydantic import Field

from gigawatt.catalog.schema import Kebab, Quantity, RecordTable, SourceIds, Table
from gigawatt.catalog.terms import Terms
from gigawatt.provenance import Grade


class PlatformTable(RecordTable):
    """A platform as it is sold; `measured` when published kernel timings of it exist.

    `volume_from` is the first month of what `volume_production` says, where that is definite. `silicon_of` is a
    measured platform with the same processors, of which this one has other memory, links or clocks.
    """

    vendor: str
    form: str
    former_names: tuple[str, ...] = ()
    announced: str
    volume_production: str
    volume_from: Annotated[str, Field(pattern=r"^\d{4}-\d{2}$")] | None = None
    status: str
    cpu: str = ""
    features: str = ""
    scale_out_note: str = ""
    measured: bool
    silicon_of: Kebab | None = None


class ArchitectureTable(Table):
    """Dimensions of the network; `kv-heads` and `head-dim` are absent where attention is latent."""

    layers: int
    hidden: int
    heads: int
    kv_heads: int | None = None
    head_dim: int | None = None
    ffn_dense: int | None = None
    vocab: int
    tied_embeddings: bool | None = None
    gated_mlp: bool


class LatentAttentionTable(Table):
    """Ranks and head dimensions of multi-head latent attention."""

    q_lora_rank: int | None = None
    kv_lora_rank: int | None = None
    qk_nope_head_dim: int | None = None
    qk_rope_head_dim: int | None = None
    v_head_dim: int | None = None


class MixtureOfExpertsTable(Table):
    """Experts; without `shared-ffn` a shared expert is as wide as a routed one, without `dense-ffn` see `ffn-dense`."""

    routed_experts: int
    top_k: int
    expert_ffn: int
    shared_experts: int
    shared_ffn: int | None = None
    first_dense_layers: int
    dense_ffn: int | None = None
    moe_layer_interval: int
    latent_dim: int | None = None


class WindowTable(Table):
    """Sliding windows: one layer in `every` sees only the last `tokens` tokens."""

    every: int
    tokens: int


class ModelTable(RecordTable):
    """A model as a workload."""

    organization: str
    released: str
    config_file: str = ""
    attention: str
    native_quantization: str
    licence: str = ""
    note: str = ""
    sources: SourceIds
    architecture: ArchitectureTable
    latent_attention: LatentAttentionTable | None = None
    mixture_of_experts: MixtureOfExpertsTable | None = None
    window: WindowTable | None = None
    sparse_attention: dict[Kebab, int | str] | None = None
    linear_attention: dict[Kebab, bool | int | str] | None = None
    hybrid: dict[Kebab, bool | int | str] | None = None


class EventTable(Table):
    """Something that happened, or is announced to happen."""

    date: str
    event: str
    capacity: Quantity | None = None
    amount: Quantity | None = None
    sources: tuple[Kebab, ...] = ()


class LocationTable(Table):
    """Where a site is, in degrees, and how precisely that is known."""

    latitude: Annotated[str, Field(pattern=r"^-?\d+(\.\d+)? deg$")] | None = None
    longitude: Annotated[str, Field(pattern=r"^-?\d+(\.\d+)? deg$")] | None = None
    precision: Literal["approx", "address-estimated", "region", "country"]


class TimelineRow(Table):
    """What stands at a date, in all."""

    date: str
    it_power: Quantity
    facility_power: Quantity
    h100_equivalents: Quantity
    capital: Quantity
    buildings: int | None = None
    projected: bool


class TimelineTable(Table):
    """A site's power over time as one source estimates it."""

    name: str
    grade: Grade
    sources: SourceIds
    date: str
    price_year: str
    construction_start: str = ""
    rows: tuple[TimelineRow, ...]


class SiteTable(RecordTable):
    """A campus at or near gigawatt scale."""

    country: str
    region: str = ""
    location: LocationTable
    programme: str = ""
    developer: str = ""
    cloud: str = ""
    tenant: str = ""
    hardware: str = ""
    power: str = ""
    status: str
    sources: tuple[Kebab, ...] = ()
    milestones: tuple[EventTable, ...] = ()
    timeline: TimelineTable | None = None


class DealTable(RecordTable):
    """An agreement; `terms` are its minimal machine form."""

    parties: tuple[str, ...]
    form: str
    signed: str
    status: str = ""
    platform: str = ""
    exclusivity: str = ""
    co_optimization: str = ""
    terms: Annotated[Terms, Field(discriminator="kind")] | None = None
    history: tuple[EventTable, ...] = ()


class CensusRow(Table):
    """One site of a census."""

    id: Kebab
    name: str
    country: str
    owner: str = ""
    users: str = ""
    address: str = ""
    facility_power: Quantity
    h100_equivalents: Quantity
    capital: Quantity


class CensusTable(Table):
    """Many sites at one date, from one source."""

    grade: Grade
    sources: SourceIds
    date: str
    price_year: str
    rows: tuple[CensusRow, ...]


class TopicTable(RecordTable):
    """Figures on one topic of the economics, or assumptions on one."""

    note: str = ""
    layers: tuple[Kebab, ...] = ()
    census: CensusTable | None = None


class ConvergencePointTable(Table):
    """Sequences to the target at one batch: the mean of `runs` without the quickest and the slowest, and the spread."""

    batch: Quantity
    runs: int
    mean: Quantity
    deviation: Quantity
    note: str = ""


class ConvergenceTable(Table):
    """How the reference of a benchmark converges, batch by batch."""

    grade: Grade
    sources: SourceIds
    locator: str
    date: str
    points: Annotated[tuple[ConvergencePointTable, ...], Field(min_length=1)]


class BenchmarkTable(RecordTable):
    """A training benchmark in the `rounds` in which its rules and its reference's convergence stood so."""

    benchmark: str
    rounds: Annotated[tuple[str, ...], Field(min_length=1)]
    sequence_tokens: int
    convergence: ConvergenceTable


class DatasetTable(Table):
    """A data set whose licence asks for attribution."""

    licence: str
    attribution: str
    copies: tuple[str, ...]
    newer: str


class OverlapTable(Table):
    """Layers in which the same megawatt appears; never sum across them."""

    name: str
    layers: tuple[str, ...]


class NotesTable(Table):
    """Conventions and known gaps of a part of the catalogue."""

    id: Kebab
    description: str
    as_of: str
    gaps: tuple[str, ...] = ()
    conventions: dict[Kebab, str] = Field(default_factory=dict)
    grades: dict[Grade, str] = Field(default_factory=dict)
    seen: dict[str, str] = Field(default_factory=dict)
    dataset: DatasetTable | None = None
    overlap_groups: tuple[OverlapTable, ...] = ()
