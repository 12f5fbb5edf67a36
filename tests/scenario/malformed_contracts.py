"""Contracts that cannot be, each with the key that the refusal must name."""

from tests.scenario.malformed import Malformed, added, changed

TRANCHES = """
[[contract]]
kind = "milestone-tranches"
id = "more"
investor = "nvidia"
unit = "50 MW facility"
amount = "0.5 bn USD"
cap = "1 bn USD"
signed = "2025-09-22"
binding = false
"""
WARRANT = """
[[contract]]
kind = "vesting-warrant"
id = "warrant"
issuer = "nvidia"
strike = "0.01 USD/share"
share_price = "200 USD/share"
steps = [
    { shares = "1 million share", reached = "100 MW facility" },
    { shares = "1 million share", reached = "200 MW facility", hurdle = "600 USD/share" },
]
expires = "2030-10-05"
"""
LEASE = """
[[contract]]
kind = "capacity-lease"
id = "lease"
lessor = "landlord"
site = "stargate-milam"
capacity = "100 MW IT"
start = "2028-01"
term = "60 month"
"""
TAKE = """
[[contract]]
kind = "take-or-pay"
id = "take"
provider = "landlord"
capacity = "100 MW facility"
amount = "3 bn USD"
start = "2028-01"
term = "36 month"
"""
SPEND = """
[[contract]]
kind = "spend-commitment"
id = "spend"
seller = "nvidia"
amount = "3 bn USD"
start = "2028-01"
term = "36 month"
"""
ADVANCE = """
[[contract]]
kind = "prepayment"
id = "advance"
payee = "nvidia"
amount = "100 MUSD"
on = "2027-03-01"
"""
DEPOSIT = """
[[contract]]
kind = "deposit"
id = "deposit"
payee = "landlord"
amount = "100 MUSD"
on = "2027-03-01"
returned = "2029-03-01"
"""
SUPPLY = """
[[contract]]
kind = "supply-agreement"
id = "supply"
vendor = "nvidia"
platform = "gb300-nvl72"
price = "4 MUSD/rack"
"""
LOAN = """
[[contract]]
kind = "gpu-debt"
id = "loan"
lender = "landlord"
commitment = "1 bn USD"
start = "2027-01"
"""
SHARE = """
[[contract]]
kind = "revenue-share"
id = "share"
payee = "nvidia"
share = "20 percent"
cap = "1 bn USD"
start = "2027-01"
end = "2029-12"
"""
POWER = """
[[contract]]
kind = "power-purchase"
id = "power"
seller = "landlord"
site = "alpha"
contracted = "50 MW grid"
strike = "60 USD/MWh"
start = "2028-01"
term = "120 month"
"""
TAX = """
[[contract]]
kind = "tax-regime"
id = "tax"
authority = "landlord"
"""
GRANT = """
[[contract]]
kind = "grant"
id = "grant"
giver = "landlord"
share = "10 percent"
cap = "100 MUSD"
"""
SOUND_CONTRACTS = {
    "warrant": WARRANT,
    "lease": LEASE,
    "take": TAKE,
    "spend": SPEND,
    "advance": ADVANCE,
    "deposit": DEPOSIT,
    "supply": SUPPLY,
    "loan": LOAN,
    "share": SHARE,
    "power": POWER,
    "tax": TAX,
    "grant": GRANT,
}
"""Additions to the sound scenario that are sound themselves."""


def wrong(name: str, contract: str, old: str, new: str, where: str) -> Malformed:
    """One of the contracts with a passage changed; the passage must be there."""
    if contract.count(old) != 1:
        raise AssertionError(f"{name}: {old!r} stands {contract.count(old)} times in the contract")
    return added(name, contract.replace(old, new), where)


def guarantee(id_: str, guarantor: str, lessee: str) -> str:
    return f"""
[[contract]]
kind = "residual-guarantee"
id = "{id_}"
guarantor = "{guarantor}"
lessor = "landlord"
lessee = "{lessee}"
site = "stargate-milam"
covered = "10 MW IT"
cap = "1 bn USD"
"""


CONTRACTS = (
    added("milestones that overlap", TRANCHES, '"more".unit'),
    changed("cap below the first tranche", 'cap = "1 bn USD"\nsigned', 'cap = "0.4 bn USD"\nsigned', '"tranches".cap'),
    changed("a tranche that pays nothing", 'amount = "0.5 bn USD"', 'amount = "0 USD"', '"tranches".amount'),
    changed(
        "more on signature than there are",
        "binding = false",
        "binding = false\npaid_on_signature = 99",
        '"tranches".paid_on_signature',
    ),
    changed("valuation of nothing", "binding = false", 'binding = false\nvaluation = "0 USD"', '"tranches".valuation'),
    changed(
        "valuation in euros", "binding = false", 'binding = false\nvaluation = "500 bn EUR"', '"tranches".valuation'
    ),
    changed(
        "a site that counts twice",
        "binding = false",
        'binding = false\nsites = ["alpha", "alpha"]',
        '"tranches".sites[1]',
    ),
    changed("currencies mixed in a round", 'amount = "1 bn USD" }]', 'amount = "1 bn EUR" }]', "instalments[0].amount"),
    changed(
        "instalment on a condition of nothing",
        'amount = "1 bn USD" }]',
        'amount = "1 bn USD", condition = { reached = "0 MW facility" } }]',
        "condition.reached",
    ),
    changed(
        "condition at an unknown site",
        'amount = "1 bn USD" }]',
        'amount = "1 bn USD", condition = { reached = "1 MW facility", sites = ["mars"] } }]',
        "condition.sites[0]",
    ),
    added(
        "the same round twice",
        '\n[[contract]]\nkind = "equity-round"\nid = "again"\ninvestor = "nvidia"\n'
        'instalments = [{ on = "2027-04-01", amount = "1 bn USD" }]\n',
        '"again".instalments',
    ),
    wrong("steps of a warrant that overlap", WARRANT, '"200 MW facility"', '"100 MW facility"', "steps[1].reached"),
    wrong("steps of a warrant on two bases", WARRANT, '"200 MW facility"', '"200 MW IT"', "steps[1].reached"),
    wrong(
        "shares without their unit", WARRANT, 'reached = "100 MW facility"', 'reached = "100 MW"', "steps[0].reached"
    ),
    wrong("share price in euros", WARRANT, '"200 USD/share"', '"200 EUR/share"', '"warrant".share_price'),
    wrong("warrant that has expired", WARRANT, "2030-10-05", "2026-10-05", '"warrant".expires'),
    wrong("issuer unknown", WARRANT, 'issuer = "nvidia"', 'issuer = "amd"', '"warrant".issuer'),
    wrong("warrant on oneself", WARRANT, 'issuer = "nvidia"', 'issuer = "openai"', '"warrant".issuer'),
    wrong("lease of an owned site", LEASE, '"stargate-milam"', '"alpha"', '"lease".lessor'),
    wrong("lease of an unknown site", LEASE, '"stargate-milam"', '"mars"', '"lease".site'),
    wrong("lease by somebody else", LEASE, 'lessor = "landlord"', 'lessor = "nvidia"', '"lease".lessor'),
    wrong("negative tenor of a lease", LEASE, '"60 month"', '"-60 month"', '"lease".term'),
    wrong("lease of no time", LEASE, '"60 month"', '"0 month"', '"lease".term'),
    wrong("lease that ended before", LEASE, '"2028-01"', '"2020-01"', '"lease".start'),
    wrong("lease of facility power", LEASE, '"100 MW IT"', '"100 MW facility"', '"lease".capacity'),
    added("two leases of a site", LEASE + LEASE.replace('"lease"', '"second"'), '"second".site'),
    added("an id twice", LEASE.replace('"lease"', '"round"'), "contract[3]"),
    wrong(
        "price and amount",
        TAKE,
        'amount = "3 bn USD"',
        'amount = "3 bn USD"\nprice = "1 MUSD/MW facility/month"',
        ".price",
    ),
    wrong("neither price nor amount", TAKE, 'amount = "3 bn USD"\n', "", '"take".price'),
    wrong("take or pay at an owned site", TAKE, 'id = "take"', 'id = "take"\nsites = ["alpha"]', "sites[0]"),
    wrong("ramp beyond the term", TAKE, '"36 month"', '"36 month"\nramp = "48 month"', '"take".ramp'),
    wrong("take of more than all", TAKE, '"36 month"', '"36 month"\ntake = "120 percent"', '"take".take'),
    wrong(
        "settlement that does not divide the term",
        SPEND,
        '"36 month"',
        '"36 month"\nsettlement = "7 month"',
        "settlement",
    ),
    wrong("commitment to oneself", SPEND, 'seller = "nvidia"', 'seller = "openai"', '"spend".seller'),
    wrong("commitment of nothing", SPEND, '"3 bn USD"', '"0 USD"', '"spend".amount'),
    wrong("advance before the start", ADVANCE, "2027-03-01", "2026-03-01", '"advance".on'),
    wrong("credit of more than the purchase", ADVANCE, '"100 MUSD"', '"100 MUSD"\ncredit = "150 percent"', "credit"),
    wrong(
        "advance that is never credited", ADVANCE, '"100 MUSD"', '"100 MUSD"\ncredit = "0 percent"', '"advance".credit'
    ),
    wrong("deposit returned before it is paid", DEPOSIT, "2029-03-01", "2027-01-01", '"deposit".returned'),
    wrong("supply by somebody else", SUPPLY, 'vendor = "nvidia"', 'vendor = "landlord"', '"supply".vendor'),
    wrong("supply of a platform not offered", SUPPLY, '"gb300-nvl72"', '"vr-nvl72"', '"supply".platform'),
    wrong("committed without a date", SUPPLY, "price", 'committed = "10 rack"\nprice', '"supply".committed'),
    added("two agreements on a platform", SUPPLY + SUPPLY.replace('"supply"', '"second"'), '"second".platform'),
    wrong(
        "negative tenor of a loan", LOAN, 'start = "2027-01"', 'start = "2027-01"\ntenor = "-12 month"', '"loan".tenor'
    ),
    wrong(
        "loan without time to draw", LOAN, 'start = "2027-01"', 'start = "2027-01"\ngrace = "0 month"', '"loan".grace'
    ),
    wrong("loan drawn before the start", LOAN, '"2027-01"', '"2024-01"', '"loan".start'),
    wrong("repayment within a quarter", LOAN, 'start = "2027-01"', 'start = "2027-01"\ngrace = "10 month"', "grace"),
    wrong(
        "value covenant below the advance", LOAN, '"2027-01"', '"2027-01"\nmost_ltv = "50 percent"', '"loan".most_ltv'
    ),
    wrong("target of a level loan", LOAN, '"2027-01"', '"2027-01"\ntarget_dscr = "1.3 ratio"', '"loan".target_dscr'),
    wrong(
        "target below the covenant",
        LOAN,
        '"2027-01"',
        '"2027-01"\nrepayment = "sculpted"\ntarget_dscr = "1.2 ratio"\nleast_dscr = "1.3 ratio"',
        '"loan".target_dscr',
    ),
    wrong("reserve beyond the tenor", LOAN, '"2027-01"', '"2027-01"\nreserve = "600 month"', '"loan".reserve'),
    wrong("loan on what others pay for", LOAN, '"landlord"', '"nvidia"\nborrower = "landlord"', '"loan".sites'),
    added(
        "loan on another's building",
        LOAN.replace("gpu-debt", "project-debt") + 'sites = ["stargate-milam"]\n',
        '"loan".sites',
    ),
    added("grant for another's building", GRANT + 'sites = ["stargate-milam"]\n', '"grant".sites'),
    wrong("unknown repayment", LOAN, '"2027-01"', '"2027-01"\nrepayment = "never"', '"loan".repayment'),
    wrong("programme that lends to itself", LOAN, '"landlord"', '"openai"', '"loan".lender'),
    wrong(
        "programme that lends to others",
        LOAN,
        'lender = "landlord"',
        'lender = "openai"\nborrower = "landlord"',
        '"loan".lender',
    ),
    wrong("loan against an unknown platform", LOAN, '"2027-01"', '"2027-01"\nplatforms = ["h100"]', "platforms[0]"),
    wrong("interest of a month", LOAN, '"2027-01"', '"2027-01"\nrate = "9 percent"', '"loan".rate'),
    added("more advanced than it costs", LOAN + LOAN.replace('"loan"', '"second"'), '"second".advance'),
    added(
        "financing by somebody who sells nothing",
        LOAN.replace("gpu-debt", "vendor-financing").replace("lender", "vendor"),
        '"loan".vendor',
    ),
    wrong("share that ends before it begins", SHARE, "2029-12", "2026-12", '"share".end'),
    wrong("share of more than all", SHARE, '"20 percent"', '"120 percent"', '"share".share'),
    wrong("power at an unknown site", POWER, '"alpha"', '"mars"', '"power".site'),
    wrong("power by facility megawatts", POWER, '"50 MW grid"', '"50 MW facility"', '"power".contracted'),
    wrong("strike in euros", POWER, '"60 USD/MWh"', '"60 EUR/MWh"', '"power".strike'),
    added("two tax regimes", TAX + TAX.replace('"tax"', '"second"'), '"second".taxpayer'),
    wrong("taxes paid to oneself", TAX, '"landlord"', '"openai"', '"tax".authority'),
    wrong(
        "unknown schedule", TAX, 'authority = "landlord"', 'authority = "landlord"\nsystems = "soon"', '"tax".systems'
    ),
    wrong("grant of more than the cost", GRANT, '"10 percent"', '"110 percent"', '"grant".share'),
    added("guarantee of oneself", guarantee("g", "landlord", "nvidia"), '"g".guarantor'),
    added(
        "guarantees in a circle",
        guarantee("g", "nvidia", "openai").replace('"g"', '"first"') + guarantee("back", "openai", "nvidia"),
        "guarantor",
    ),
    added("unknown guarantor", guarantee("g", "nvidea", "openai"), '"g".guarantor'),
)
