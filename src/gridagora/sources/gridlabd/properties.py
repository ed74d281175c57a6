"""Properties of the classes of a GridLAB-D model that are converted: which are read, which mean nothing to a flow.

A model may state more than is read here: a misspelt name, or a property whose effect no column has. Such is told.
"""

import re
from difflib import get_close_matches
from types import MappingProxyType

from gridagora.sources.gridlabd.model import Model

NEAR = 0.8  # likeness of two names, of which one may be a slip of the other
LINK = "from|to|phases|status"
NODE = "phases|nominal_voltage|bustype|parent|voltage_[abc]|positive_sequence_voltage"
DRAWN = r"(?:base_power|shunt|(?:power|current|impedance)_(?:fraction|pf))"
OF_LOAD = r"constant_(?:power|current|impedance)_(?:[abc]|ab|bc|ca|[abc]n)(?:_real|_reac)?"
OF_NODE = r"(?:power|current)_(?:[abc]|ab|bc|ca)(?:_real|_reac)?|shunt_[abc]"
OF_LEGS = r"(?:power|current|impedance)_(?:1|2|12)(?:_real|_reac)?"
ON_PHASES, ON_LEGS = rf"{DRAWN}_(?:[abc]|ab|bc|ca|[abc]n)", rf"{DRAWN}_(?:1|2|12)"
RATING = r"rating\.(?:summer|winter)\.(?:continuous|emergency)"
LINE = f"{LINK}|length|configuration"
CONTACT = rf"{LINK}|switch_resistance|current_limit|phase_[abc]_(?:state|status)"
CUSTOMER = "load_class|groupid"

# of each class, what the reader asks for
READ = MappingProxyType(
    {
        "node": f"{NODE}|{CUSTOMER}|{OF_NODE}",
        "meter": f"{NODE}|{CUSTOMER}|{OF_NODE}",
        "substation": NODE,
        "load": f"{NODE}|{CUSTOMER}|{OF_LOAD}|{OF_NODE}|{ON_PHASES}",
        "pqload": f"{NODE}|{CUSTOMER}|{OF_LOAD}|{OF_NODE}|{ON_PHASES}",
        "triplex_node": f"{NODE}|{CUSTOMER}|constant_{OF_LEGS}|{OF_LEGS}|{ON_LEGS}",
        "triplex_meter": f"{NODE}|{CUSTOMER}|constant_{OF_LEGS}|{OF_LEGS}|{ON_LEGS}",
        "triplex_load": f"{NODE}|{CUSTOMER}|constant_{OF_LEGS}|{OF_LEGS}|{ON_LEGS}",
        "capacitor": f"{NODE}|phases_connected|cap_nominal_voltage|capacitor_[abc]|switch[abc]|control|"
        "control_level|pt_phase|(?:voltage|var|current)_set_(?:low|high)|dwell_time|time_delay|lockout_time|remote_sense",
        "player": "parent|property|file|loop",
        "house": "parent|floor_area|number_of_stories|aspect_ratio|ceiling_height|window_wall_ratio|number_of_doors|"
        "interior_exterior_wall_ratio|exterior_(?:wall|ceiling|floor)_fraction|total_thermal_mass_per_floor_area|"
        "interior_surface_heat_transfer_coeff|thermal_integrity_level|r(?:roof|wall|floor|doors|windows)|airchange_per_hour|"
        "envelope_ua|ua|window_exterior_transmission_coefficient|(?:cooling|heating)_(?:cop|system_type|setpoint|design_temperature)|"
        "auxiliary_system_type|design_(?:cooling|heating)_(?:setpoint|capacity)|over_sizing_factor|latent_load_fraction|design_internal_gains",
        "waterheater": "parent|tank_volume|heating_element_capacity|heat_mode",
        "overhead_line": LINE,
        "underground_line": LINE,
        "triplex_line": LINE,
        "switch": CONTACT,
        "fuse": f"{CONTACT}|fuse_resistance",
        "recloser": CONTACT,
        "sectionalizer": CONTACT,
        "transformer": f"{LINK}|configuration",
        "regulator": f"{LINK}|configuration|tap_[abc]|sense_node|regulator_resistance",
        "line_configuration": r"z[123][123]|c[123][123]|conductor_[abcn]|spacing|" + RATING,
        "triplex_line_configuration": r"z[12][12]|c[12][12]|conductor_[12n]|diameter|insulation_thickness|" + RATING,
        "line_spacing": r"distance_[abcn][abcne]",
        "overhead_line_conductor": f"resistance|geometric_mean_radius|diameter|{RATING}",
        "triplex_line_conductor": f"resistance|geometric_mean_radius|{RATING}",
        "underground_line_conductor": "outer_diameter|conductor_(?:gmr|diameter|resistance)|"
        f"neutral_(?:gmr|diameter|resistance|strands)|shield_(?:gmr|resistance|thickness|diameter)|insulation_relative_permitivitty|{RATING}",
        "transformer_configuration": "connect_type|(?:primary|secondary)_voltage|power[abc]?_rating|"
        "(?:impedance|resistance|reactance)[12]?|shunt_(?:impedance|resistance|reactance)|full_load_loss|no_load_loss|reactance_resistance_ratio",
        "regulator_configuration": "connect_type|type|control|regulation|(?:raise|lower)_taps|"
        "tap_pos_[abc]|band_(?:center|width)|time_delay|(?:power|current)_transducer_ratio|compensator_[rx]_setting_[abc]|control_level",
    }
)  # fmt: skip
# of every class: names, places, what reliability and reports know, and what only the engine's own course is about
NOTHING = (
    "name|parent|groupid|latitude|longitude|flags|rank|clock|in|out|profile|guid|heartbeat|schedule_skew|comment|"
    "mean_re(?:pair|placement)_time|fault_.*|restoration_time|load_priority|service_status.*"
)
METERED = (
    "voltage_.*|measured_.*|maximum_voltage_error|reference_bus|busflags|topological_parent|customer_.*|pre_load|bill_.*|price.*|"
    "monthly_.*|first_tier_.*|second_tier_.*|third_tier_.*|power_market|hourly_.*|previous_monthly_.*"
)
# of each class, what changes nothing of a flow at one moment
HARMLESS = MappingProxyType(
    {
        **dict.fromkeys(
            ("node", "meter", "load", "pqload", "triplex_node", "triplex_meter", "triplex_load"), METERED
        ),
        "capacitor": f"{METERED}|remote_sense_b",  # of VARVOLT, which is told as a whole
        "substation": f"{METERED}|base_power|power_convergence_value|distribution_.*",
        "house": "air_temperature|mass_temperature|system_mode",  # as the run begins
        "waterheater": "temperature",
        "overhead_line": "nominal_voltage",
        "underground_line": "nominal_voltage",
        "triplex_line": "nominal_voltage",
        "fuse": "repair_dist_type",
        "recloser": "retry_time|max_number_of_tries|number_of_tries",
        "transformer": "nominal_voltage|climate|use_thermal_model|aging_.*|percent_loss_of_life|ambient_temperature",
        "transformer_configuration": "install_type|coolant_type|cooling_type|core_coil_weight|"
        "tank_fittings_weight|oil_volume|rated_.*|installed_insulation_life|use_inrush_flag|l_a|model_inrush",
        "regulator": "nominal_voltage",
        "regulator_configuration": "[cp]t_phase",  # of units that move together, which are told
        "overhead_line_conductor": "conductor_name",
    }
)  # fmt: skip


def tell_ignored(model: Model) -> None:
    """Tell of properties of converted classes that nothing reads, unless these mean nothing to a flow."""
    silent = {
        kind: re.compile("|".join([read, NOTHING, HARMLESS.get(kind, "name")]))
        for kind, read in READ.items()
    }
    for each in model.of(*READ):
        for key, (value, _) in each.values.items():
            if not silent[each.kind].fullmatch(key):
                expected = f"properties of a {each.kind} that are read"
                model.tell(
                    each, f"{key} {value}".strip(), expected, _consequence(each.kind, key), key
                )


def _consequence(kind: str, key: str) -> str:
    """Return what becomes of a property that is not read, with the name that it may be a slip of."""
    plain = [name for name in READ[kind].split("|") if re.fullmatch(r"\w+", name)]
    near = get_close_matches(key, plain, n=1, cutoff=NEAR)
    slip = f" Did you mean {near[0]}?" if near else ""
    return f"'{key}' has no effect here.{slip}"
