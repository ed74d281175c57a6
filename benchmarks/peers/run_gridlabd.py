"""Homes with tanks on a split-phase feeder in GridLAB-D: CPU seconds of its own run, and what every home did when asked.

Run by the interpreter of the folder in which GridLAB-D is installed: run_gridlabd.py WORK.json, prints one line of JSON. The
work names the homes, the weather file and the folder to write to; with "record" the run is not timed but written down.
"""

import contextlib
import csv
import json
import os
import resource
import sys
from importlib.metadata import version
from pathlib import Path

HEAD = """
clock {{ timezone CST6CDT; starttime '2017-07-10 00:00:00'; stoptime '{stop}'; }}
#set minimum_timestep=60
#set randomseed=7
module tape;
module climate;
module residential {{ implicit_enduses NONE; }}
module powerflow {{ solver_method NR; NR_iteration_limit 50; }}
schedule appliances {{ {appliances} }}
schedule taps {{ {taps} }}
object climate {{ name sky; tmyfile "{weather}"; interpolate NONE; }}
"""
NETWORK = """
object meter { name head; phases ABCN; nominal_voltage 7200; bustype SWING; }
object line_configuration { name main; z11 0.3465+1.0179j; z12 0.1560+0.5017j; z13 0.1580+0.4236j;
  z21 0.1560+0.5017j; z22 0.3375+1.0478j; z23 0.1535+0.3849j;
  z31 0.1580+0.4236j; z32 0.1535+0.3849j; z33 0.3414+1.0348j; }
object triplex_line_conductor { name wire; resistance 0.57; geometric_mean_radius 0.0111; }
object triplex_line_configuration { name drop; conductor_1 wire; conductor_2 wire; conductor_N wire;
  insulation_thickness 0.08; diameter 0.368; }
"""
UNIT_TYPE = """
object transformer_configuration {{ name unit_{phase}; connect_type SINGLE_PHASE_CENTER_TAPPED;
  power{phase}_rating 50; power_rating 50; primary_voltage 7200; secondary_voltage 120; impedance 0.01+0.02j; }}
"""
SPAN = """
object node {{ name {here}; phases ABCN; nominal_voltage 7200; }}
object overhead_line {{ phases ABCN; from {there}; to {here}; length 200; configuration main; }}
"""
UNIT = """
object triplex_node {{ name low{t}; phases {phase}S; nominal_voltage 120; }}
object transformer {{ phases {phase}S; from {here}; to low{t}; configuration unit_{phase}; }}
"""
HOME = """
object triplex_meter {{ name meter{i}; phases {phase}S; nominal_voltage 120; }}
object triplex_line {{ phases {phase}S; from low{t}; to meter{i}; length 80; configuration drop; }}
object house {{ name house{i}; parent meter{i}; groupid homes; floor_area {floor_ft2}; thermal_integrity_level {level};
  cooling_setpoint {set_degf}; heating_setpoint 40; air_temperature {set_degf}; mass_temperature {mass_degf};
  cooling_system_type ELECTRIC; heating_system_type NONE; fan_type NONE; use_latent_heat FALSE;
  cooling_COP {cop}; design_cooling_capacity {cooling_btu_h}; cooling_cap_curve FLAT;
  thermostat_deadband 1.8; thermostat_cycle_time 180;
  object ZIPload {{ base_power appliances*{load_kw}; power_fraction 1; power_pf 0.95; is_240 TRUE; }};
  object waterheater {{ name tank{i}; tank_volume {gallons}; heating_element_capacity {element_kw}; tank_setpoint 125.6;
    temperature 125.6; thermostat_deadband 9; location INSIDE; tank_UA {tank_ua}; inlet_water_temperature 60;
    tank_diameter 1.5; waterheater_model ONEZNODE; water_demand taps*{tap_gpm}; }};
}}
"""
RECORDERS = """
object group_recorder { group "class=house AND groupid=homes"; property air_temperature; interval 300; file "air.csv"; }
object group_recorder { group "class=house AND groupid=homes"; property hvac_load; interval 60; file "hvac.csv"; }
object group_recorder { group "class=waterheater"; property temperature; interval 300; file "tank.csv"; }
object group_recorder { group "class=waterheater"; property actual_load; interval 60; file "heater.csv"; }
object group_recorder { group "class=triplex_meter"; property voltage_12; complex_part MAG; interval 300; file "volt.csv"; }
object recorder { parent head; property measured_power.real; interval 60; file "head.csv"; }
"""
SKY = """
object recorder { parent sky; interval 3600; file "sky.csv";
  property temperature,solar_north,solar_east,solar_south,solar_west; }
"""
PARAMETERS = (
    "UA",
    "mass_heat_coeff",
    "air_heat_capacity",
    "mass_heat_capacity",
    "solar_heatgain_factor",
)
SHARED_UNIT = 5  # homes on a transformer


def model(work):
    """Return the GLM text: a node of the main for three transformers, one a phase, and five homes on each."""
    shapes = [
        " ".join(f"* {h} * * * {v};" for h, v in enumerate(work[name]))
        for name in ("appliances", "taps")
    ]
    parts = [
        HEAD.format(
            stop=work["stop"], appliances=shapes[0], taps=shapes[1], weather=work["weather"]
        )
    ]
    if work.get("sky"):
        return parts[0] + SKY
    parts += [NETWORK, *(UNIT_TYPE.format(phase=phase) for phase in "ABC")]
    here = "head"
    for i, home in enumerate(work["homes"]):
        t = i // SHARED_UNIT
        phase = "ABC"[t % 3]
        if i % SHARED_UNIT == 0:
            if phase == "A":
                there, here = here, f"pole{t}"
                parts.append(SPAN.format(here=here, there=there))
            parts.append(UNIT.format(t=t, phase=phase, here=here))
        parts.append(HOME.format(i=i, t=t, phase=phase, **home))
    return "".join(parts) + (RECORDERS if work.get("record") else "")


def cpu_seconds():
    """Return the seconds that this process and its finished children have worked."""
    usage = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in usage)


@contextlib.contextmanager
def quiet(path):
    """Send what the engine prints to a file."""
    sys.stdout.flush()
    kept = os.dup(1), os.dup(2)
    with path.open("w") as log:
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
    try:
        yield
    finally:
        for number, copy in zip((1, 2), kept, strict=True):
            os.dup2(copy, number)
            os.close(copy)


def number(text):
    """Return the figure at the head of a property or of a cell."""
    return float(text.split()[0])


def table(path):
    """Return the rows of a recorder without their times."""
    with path.open() as file:
        rows = [row for row in csv.reader(file) if row and not row[0].startswith("#")]
    return [[number(cell) for cell in row[1:]] for row in rows]


def simulate(work):
    """Run the engine in this process and return its CPU seconds, and the parameters of the houses when they are asked for."""
    import gridlabd

    engine = gridlabd.DirectGridLabD()
    codes = [engine.load("model.glm"), engine.setup_after_load()]
    began = cpu_seconds()
    codes.append(engine.run())
    found = {"cpu_s": cpu_seconds() - began, "codes": [str(code) for code in codes]}
    if work.get("record"):
        rows = range(len(work["homes"]))
        found["parameters"] = {
            name: [number(engine.get_property(f"house{i}", name)[1]) for i in rows]
            for name in PARAMETERS
        }
    Path("found.json").write_text(json.dumps(found))
    if work.get("record") or work.get("sky"):
        engine.finalize()  # writes the recorders, and ends the process
    return found


def main():
    """Run the work in a process of its own, which the engine may end, and print the answer."""
    work = json.loads(Path(sys.argv[1]).read_text())
    os.chdir(work["folder"])
    Path("model.glm").write_text(model(work))
    Path("found.json").unlink(missing_ok=True)
    child = os.fork()
    if not child:
        with quiet(Path("engine.log")):
            simulate(work)
        os._exit(0)
    os.waitpid(child, 0)
    if not Path("found.json").exists():
        raise SystemExit(f"GridLAB-D ended in mid-run; see {work['folder']}/engine.log")
    found = json.loads(Path("found.json").read_text())
    if any("SUCCESS" not in code for code in found["codes"]):
        raise SystemExit(f"GridLAB-D answered {found['codes']}; see {work['folder']}/engine.log")
    names = ("sky",) if work.get("sky") else ("air", "hvac", "tank", "heater", "volt", "head")
    if work.get("sky") or work.get("record"):
        found |= {name: table(Path(f"{name}.csv")) for name in names}
    print(json.dumps({"version": version("gridlabd"), **found}))


if __name__ == "__main__":
    main()
