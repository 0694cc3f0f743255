"""Reports against their schemas, and the page in a browser without a window.

    make check-report
    python tools/check_report/check_report.py build/plumb [--schemas DIR] [--chromium /usr/bin/chromium]

JUnit is held to Jenkins' junit-10.xsd, which pytest's source archive has, and SARIF to the classes that pydantic-sarif
has made of the schema of OASIS. Where DIR holds sarif-schema-2.1.0.json, that is asked, too; a line says so where it
does not. Screenshots go to build/report-pages/.
"""
import argparse
import copy
import json
import pathlib
import shutil
import subprocess
import sys
import time

import axe_playwright_python
import jsonschema
import pydantic_sarif.model
from lxml import etree
from playwright.sync_api import sync_playwright
from pydantic import ValidationError

PAGES = pathlib.Path("build/report-pages")
SCREENS = [(1280, 900, "light"), (1280, 900, "dark"), (390, 844, "light"), (390, 844, "dark")]
MOST_BYTES, MOST_SECONDS = 5_000_000, 2.0
PICTURE = ["--image", "fixtures/image/plumb.png", "--max-soft-tokens", "70"]
COMMANDS = {
    "picture": ["grade", "fixtures/e2b-vision", *PICTURE, PAGES / "picture.safetensors", "--json-detail"],
    "window": ["grade", "fixtures/e2b-text", "fixtures/e2b-text/dumps/buggy-window-off-by-one-bf16.safetensors",
               "--json-detail"],
    "whole": ["grade", "fixtures/31b", "fixtures/31b/dumps/buggy-bidir-missing-bf16.safetensors", "--json-detail"],
    "bent": ["diagnose", "fixtures/e2b-text", "fixtures/e2b-text/dumps/buggy-window-off-by-one-bf16.safetensors",
             "--json-detail"],
    "straight": ["grade", "fixtures/e2b", "fixtures/e2b/dumps/honest-bf16-eager.safetensors", "--json-detail"],
    "image": ["grade", "fixtures/e2b-vision", "--json-detail", "--explain", "model.embed_vision",
              "fixtures/e2b-vision/dumps/buggy-projector-norm-after-projection-bf16.safetensors"],
    "strict": ["grade", "fixtures/e2b-text", "fixtures/e2b-text/dumps/honest-bf16-eager.safetensors", "--strict"],
    "error": ["grade", "fixtures/e2b-text", "README.md"],
    "usage": ["grade", "fixtures/e2b-text", "--strcit"],
}
# What a page with details has to show of a step: a selector, and how many there are of it at least
SHOWN = {
    "picture": ("model.vision_tower.encoder.layers.1.self_attn#query_states", {".picture img": 1, "svg .dot": 20}),
    "window": ("model.layers.2.self_attn#attn_weights", {".grid-map": 2, ".tokens li": 24}),
    "whole": ("model.language_model.layers.1", {".tokens li.image": 8}),
}
LARGE = {"large": False, "detailed": True}  # as of 60 layers with all taps, without and with details
failures = []


def check(good, what):
    print(("ok    " if good else "FAIL  ") + what)
    if not good:
        failures.append(what)


def write_reports(plumb):
    """The reports of COMMANDS, and one as large as a dump of 60 layers with all taps."""
    paths = {}
    subprocess.run([plumb, "run", "fixtures/e2b-vision", *PICTURE, "--bug", "vision-rope-half-shared", "--precision",
                    "bf16", "--quiet", "--out", PAGES / "picture.safetensors"], check=True)
    for name, command in COMMANDS.items():
        paths[name] = PAGES / f"{name}.json"
        subprocess.run([plumb, *command, "--json", paths[name], "--quiet"], capture_output=True)
    for name, detailed in LARGE.items():
        paths[name] = PAGES / f"{name}.json"
        paths[name].write_text(json.dumps(large_report(json.loads(paths["straight"].read_text()), detailed)))
    return paths


def large_report(large, detailed):
    """As of a dump of 60 layers with all taps; detailed: with more numbers than a page can hold"""
    inside, large["steps"] = large["steps"], []
    for layer in range(60):
        for part in range(28):
            step = copy.deepcopy(inside[part % len(inside)])
            step["tap"] = f"model.language_model.layers.{layer}.part_{part}"
            if not detailed:
                step.pop("detail", None)
            elif step.get("detail"):
                step["detail"]["channels"] = [1.0123] * 2688
            large["steps"].append(step)
    return large


def convert(plumb, name, reports):
    """Every format of these reports, twice: the same bytes."""
    made = {}
    for kind in ("html", "junit", "sarif", "markdown", "csv"):
        out = PAGES / f"{name}.{kind}"
        subprocess.run([plumb, "report", *reports, f"--{kind}", out], check=True)
        first = out.read_bytes()
        subprocess.run([plumb, "report", *reports, f"--{kind}", out], check=True)
        if out.read_bytes() != first:
            check(False, f"{out} has the same bytes from run to run")
        made[kind] = out
    return made


def check_schemas(paths, made, schemas):
    schema = json.loads(pathlib.Path("docs/report.schema.json").read_text())
    validator = jsonschema.Draft202012Validator(schema)
    validator.check_schema(schema)
    for name, path in paths.items():
        errors = [f"{e.json_path}: {e.message[:120]}" for e in validator.iter_errors(json.loads(path.read_text()))]
        check(not errors, f"{name}.json follows docs/report.schema.json {errors[:3] or ''}")
    sarif = schemas / "sarif-schema-2.1.0.json"
    if not sarif.is_file():
        print(f"skip  {sarif} is not there: SARIF is held to pydantic-sarif alone")
    junit = etree.XMLSchema(etree.parse(str(schemas / "junit-10.xsd")))
    for name, formats in made.items():
        document, log = etree.parse(str(formats["junit"])), json.loads(formats["sarif"].read_text())
        check(junit.validate(document), f"{name}.junit follows junit-10.xsd {list(junit.error_log)[:2] or ''}")
        check_sarif(name, log)
        if sarif.is_file():
            rules = json.loads(sarif.read_text())
            errors = list(jsonschema.validators.validator_for(rules)(rules).iter_errors(log))
            check(not errors, f"{name}.sarif follows {sarif.name} {[e.message[:120] for e in errors[:2]] or ''}")


def check_sarif(name, log):
    try:
        pydantic_sarif.model.StaticAnalysisResultsFormatSarifVersion210JsonSchema.model_validate(log)
        errors = []
    except ValidationError as error:
        errors = error.errors()[:2]
    check(not errors, f"{name}.sarif follows pydantic-sarif {errors or ''}")


def show_details(page, name, label):
    """A step with details is chosen by the address, as by a link, and its maps are read with the keyboard."""
    tap, counts = SHOWN[name]
    page.goto(page.url.partition("#")[0] + "#step=" + tap.replace("#", "%23"))
    page.reload()
    page.wait_for_selector("#step-title")
    for selector, least in counts.items():
        found = page.locator(selector).count()
        check(found >= least, f"{label}: {found} {selector} of {tap}, {least} expected")
    slider = page.locator("#step figure .slider").first
    readout = page.locator("#step figure .readout").first
    slider.focus()
    page.keyboard.press("Home")
    before = readout.text_content()
    page.keyboard.press("ArrowRight")
    check(readout.text_content() != before, f"{label}: the arrow keys read a map")


def look(browser, page_path, screen):
    """Opens the page on one screen, uses it as a reader would, and asks axe-core."""
    width, height, scheme = screen
    name = f"{page_path.stem} at {width}, {scheme}"
    context = browser.new_context(viewport={"width": width, "height": height}, color_scheme=scheme, bypass_csp=True)
    page = context.new_page()
    said, asked = [], []
    page.on("console", lambda message: said.append(message.text) if message.type in ("error", "warning") else None)
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    began = time.monotonic()
    page.goto(page_path.resolve().as_uri())
    page.wait_for_selector("#about")
    seconds = time.monotonic() - began
    check(seconds < MOST_SECONDS, f"{name}: opens in {seconds:.2f} s")
    steps = page.locator("tbody button.tap")
    if steps.count():
        use(page, steps, name)
    if page_path.stem in SHOWN:
        show_details(page, page_path.stem, name)
    page.screenshot(path=PAGES / f"{page_path.stem}-{width}-{scheme}.png", full_page=page_path.stem not in LARGE)
    wider = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    check(wider == 0, f"{name}: no wider than the screen")
    script = next(pathlib.Path(axe_playwright_python.__file__).parent.rglob("axe.min.js"))
    page.evaluate(script.read_text())
    found = [(v["id"], v["nodes"][0]["html"][:100]) for v in page.evaluate("axe.run()")["violations"]]
    check(not found, f"{name}: axe-core finds nothing {found or ''}")
    page.emulate_media(media="print")
    kept = steps.count() == 0 or (page.locator(".legend").is_visible() and
                                  not page.locator("#curve-place .slider").is_visible())
    check(kept, f"{name}: print has the plot's key, and nothing to move")
    check(not said, f"{name}: the console is empty {said or ''}")
    check(all(url.startswith(("file:", "data:")) for url in asked), f"{name}: nothing is loaded from elsewhere")
    context.close()


def use(page, steps, name):
    """A step is chosen, the curve is read with the keyboard, a filter is set, and a reload shows the same again."""
    place = min(3, steps.count() - 1)
    tap = steps.nth(place).text_content()
    steps.nth(place).click()
    check(page.locator("#step-title").text_content().startswith(tap), f"{name}: a step is shown")
    slider, readout = page.locator("#curve-place .slider"), page.locator("#curve-place .readout")
    slider.focus()
    before = readout.text_content()
    page.keyboard.press("ArrowLeft")
    check(readout.text_content() != before, f"{name}: the arrow keys read the curve")
    page.locator("#step-title").hover()
    page.locator("#find").fill("layers.1")
    page.reload()
    page.wait_for_selector("#about")
    names = page.locator("tbody button.tap").all_text_contents()
    check(all("layers.1" in each for each in names), f"{name}: the filter survives a reload")
    check(page.locator("#step-title").count() == 1, f"{name}: so does the step")
    page.locator("#find").fill("")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("plumb")
    parser.add_argument("--schemas", type=pathlib.Path, default=pathlib.Path("build/schemas"))
    parser.add_argument("--chromium", default=shutil.which("chromium"))
    arguments = parser.parse_args()
    PAGES.mkdir(parents=True, exist_ok=True)
    paths = write_reports(arguments.plumb)
    made = {name: convert(arguments.plumb, name, [path]) for name, path in paths.items()}
    made["matrix"] = convert(arguments.plumb, "matrix", [path for name, path in paths.items() if name not in LARGE])
    check_schemas(paths, made, arguments.schemas)
    for name in LARGE:
        size = made[name]["html"].stat().st_size
        check(size < MOST_BYTES, f"{name}.html has {size} bytes")
    if not arguments.chromium:
        sys.exit("check_report: found no chromium, expected Debian's package, or --chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=arguments.chromium, args=["--no-sandbox"])
        for formats in made.values():
            for screen in SCREENS:
                look(browser, formats["html"], screen)
        browser.close()
    print(f"{len(failures)} failed")
    sys.exit(bool(failures))


if __name__ == "__main__":
    main()
