"""How a catalogue file is written: frozen pydantic models that refuse every key they do not know."""

import re
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from gigawatt.provenance import Grade

KEBAB = re.compile(r"^[a-z0-9]+(?:-[a-z0-9]+)*$")
RECORD_ID = re.compile(r"^[a-z0-9]+(?:[.-][a-z0-9]+)*$")
QUANTITY = re.compile(r"^([+-]?\d[\d,]*(?:\.\d+)?(?:[eE][+-]?\d{1,3})?) ([A-Za-z][A-Za-z_ /*]*)$")


def _kebab(text: str) -> str:
    if not KEBAB.match(text):
        raise ValueError(f'"{text}" is not kebab-case: write small letters and digits joined by hyphens')
    return text


def _record_id(text: str) -> str:
    if not RECORD_ID.match(text):
        raise ValueError(f'"{text}" is not kebab-case (a version may keep its dot)')
    return text


def _quantity(text: str) -> str:
    if not QUANTITY.match(text):
        raise ValueError(f'"{text}" is not a number, a space and a unit: write it like "22 TB/s"')
    return text


Kebab = Annotated[str, AfterValidator(_kebab)]
RecordId = Annotated[str, AfterValidator(_record_id)]
Quantity = Annotated[str, AfterValidator(_quantity)]
SourceIds = Annotated[tuple[Kebab, ...], Field(min_length=1)]


class Table(BaseModel):
    """A TOML table: kebab-case keys, none unknown, nothing changed after reading."""

    model_config = ConfigDict(
        frozen=True, extra="forbid", alias_generator=lambda name: name.replace("_", "-"), strict=False
    )


class SourceTable(Table):
    """A document, and how well we know it."""

    publisher: str
    url: Annotated[str, Field(pattern=r"^https?://\S+$")]
    date: str
    tier: Literal["official", "reported", "estimate", "secondary", "assumed"]
    seen: Literal["direct", "via", "recall"]
    url_precision: Literal["page", "site", "unconfirmed"]
    licence: str = ""
    note: str = ""


class Statement(Table):
    """What one party says a quantity is; `unit` alone when the figure was looked for and not found."""

    value: Quantity | None = None
    words: str | None = None
    low: Quantity | None = None
    high: Quantity | None = None
    unit: str | None = None
    grade: Grade
    sources: tuple[Kebab, ...] = ()
    date: str
    locator: str = ""
    label: str = ""
    qualifier: str = ""
    basis: str = ""
    scope: str = ""
    direction: Literal["", "bidirectional", "each way", "not stated"] = ""
    price_year: str = ""
    tier: str = ""
    in_sum: bool | None = None
    cites: tuple[str, ...] = ()
    note: str = ""

    @model_validator(mode="after")
    def _says_something(self) -> Self:
        stated = [part for part in (self.value, self.words, self.low, self.high) if part is not None]
        if not stated and self.unit is None:
            raise ValueError("a figure without value, words or range states the unit it would have")
        if stated and self.grade is Grade.UNKNOWN:
            raise ValueError('a figure with a value cannot have the grade "unknown"')
        if self.grade is not Grade.ASSUMED and not self.sources:
            raise ValueError('only a figure of grade "assumed" may lack sources')
        return self


class Alternative(Statement):
    """A superseded or conflicting statement that is kept beside the preferred one."""

    id: Kebab


class FigureTable(Statement):
    """The preferred statement of a figure, and the others; `rationale` carries an assumption."""

    preferred: bool = False
    why: str = ""
    rationale: str = ""
    derived_from: tuple[str, ...] = ()
    alternatives: tuple[Alternative, ...] = ()

    @model_validator(mode="after")
    def _chosen_explicitly(self) -> Self:
        if self.alternatives and not (self.preferred and self.why):
            raise ValueError("a figure with alternatives needs preferred = true and a why")
        if self.grade is Grade.ASSUMED and not self.rationale:
            raise ValueError('a figure of grade "assumed" needs a rationale')
        return self


Figures = dict[Kebab, FigureTable]


class RecordTable(Table):
    """What every record has."""

    id: RecordId
    name: str
    aliases: tuple[RecordId, ...] = ()
    figures: Figures = {}


class PlatformTable(RecordTable):
    """A platform as it is sold; `measured` when published kernel timings of it exist."""

    vendor: str
    form: str
    former_names: tuple[str, ...] = ()
    announced: str
    volume_production: str
    status: str
    cpu: str = ""
    features: str = ""
    scale_out_note: str = ""
    measured: bool


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
    sparse_attention: dict[Kebab, int | str] | None = None
    linear_attention: dict[Kebab, int | str] | None = None
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


class MilestoneTranchesTerms(Table):
    """So much for each gigawatt deployed."""

    kind: Literal["milestone-tranches"]
    milestone: str
    unit_power: Quantity
    amount_per_unit: Quantity
    cap: Quantity
    binding: bool


class EquityTerms(Table):
    """Money for shares, without milestones."""

    kind: Literal["equity"]
    amount: Quantity
    side_letter_power: Quantity


class ResidualGuaranteeTerms(Table):
    """Leases whose residual value a third party guarantees up to a cap."""

    kind: Literal["lease-with-residual-guarantee"]
    power: Quantity
    guaranteed_power: Quantity
    cap: Quantity
    term: Quantity


class TakeOrPayTerms(Table):
    """Capacity that is paid for, used or not."""

    kind: Literal["take-or-pay-capacity"]
    power: Quantity
    amount: Quantity
    term: Quantity


class SpendCommitmentTerms(Table):
    """A total to be spent; the schedule may be unknown."""

    kind: Literal["spend-commitment"]
    amount: Quantity
    term: Quantity | None = None


class VestingWarrantTerms(Table):
    """Shares that vest with gigawatts purchased."""

    kind: Literal["vesting-warrant"]
    shares: Quantity
    strike: Quantity
    milestone: str
    first_vest: Quantity
    full_vest: Quantity
    last_price_hurdle: Quantity
    intermediate_schedule: str


Terms = (
    MilestoneTranchesTerms
    | EquityTerms
    | ResidualGuaranteeTerms
    | TakeOrPayTerms
    | SpendCommitmentTerms
    | VestingWarrantTerms
)


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
    conventions: dict[Kebab, str] = {}
    grades: dict[Grade, str] = {}
    seen: dict[str, str] = {}
    dataset: DatasetTable | None = None
    overlap_groups: tuple[OverlapTable, ...] = ()
