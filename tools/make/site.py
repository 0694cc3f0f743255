"""Build README.md, docs/ and fixtures/README.md into one static site.

    python tools/make/site.py OUT          needs mkdocs-material and latex2mathml (tools/site-requirements.txt)

The pages stay where they are for GitHub. For the site they are copied as they lie, with every file that they link to,
so their links hold in both. Formulas between dollars become MathML: nothing is fetched when a page is read. In the end
every local link and anchor of the HTML is followed.
"""
import html.parser
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import urllib.parse

from references import LINK, without_code

ROOT = pathlib.Path(__file__).resolve().parents[2]
HERE = pathlib.Path(__file__).resolve().parent


def pages():
    return [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")), ROOT / "fixtures/README.md"]


def stage(folder):
    """Copies the pages, and what they link to"""
    for page in pages():
        for file in {page, *linked(page)}:
            target = folder / file.relative_to(ROOT)
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)


def linked(page):
    for line in without_code(page.read_text()):
        for target in LINK.findall(line):
            file = (page.parent / target.partition("#")[0]).resolve()
            if "://" not in target and file.is_file():
                yield file


def title(page):
    return next(line.lstrip("# ") for line in page.read_text().splitlines() if line.startswith("# "))


def navigation():
    def entries(files):
        return [{title(file).replace("`", ""): str(file.relative_to(ROOT))} for file in files]

    lessons = sorted((ROOT / "docs/lessons").glob("*.md"))
    rest = [page for page in sorted((ROOT / "docs").glob("*.md")) if page.name != "README.md"]
    return [{"Plumbline": "README.md"}, {"Learn": ["docs/README.md", *entries(lessons)]}, {"Pages": entries(rest)},
            {"For maintainers of ports": entries(sorted((ROOT / "docs/upstream").glob("*.md")))},
            {"Fixtures": "fixtures/README.md"}]


def configuration(source, out):
    def scheme(name, media, toggle, icon):
        return {"media": f"(prefers-color-scheme: {media})", "scheme": name, "primary": "blue grey",
                "accent": "deep orange", "toggle": {"icon": f"material/{icon}", "name": toggle}}

    return {
        "site_name": "Plumbline", "docs_dir": str(source), "site_dir": str(out), "nav": navigation(),
        "theme": {"name": "material", "font": False,
                  "features": ["navigation.tabs", "navigation.footer", "navigation.top", "search.suggest",
                               "search.highlight", "content.code.copy"],
                  "palette": [scheme("default", "light", "Dark", "weather-night"),
                              scheme("slate", "dark", "Light", "weather-sunny")]},
        "plugins": ["search"], "hooks": [str(HERE / "site_hooks.py")], "extra_css": ["site.css"],
        "markdown_extensions": ["md_in_html", "sane_lists", "tables", "toc", "pymdownx.superfences",
                                "pymdownx.highlight", {"pymdownx.arithmatex": {"generic": True}}],
        "validation": {"links": {"not_found": "warn", "anchors": "warn", "unrecognized_links": "warn"},
                       "nav": {"omitted_files": "warn", "not_found": "warn"}},
    }


class Links(html.parser.HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.targets, self.ids = [], set()
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        for name, value in attributes:
            if name in ("href", "src") and value is not None:
                self.targets.append(value)
            if name in ("id", "name") and value:
                self.ids.add(value)


def dead_links(out):
    files = {path: Links(path.read_text()) for path in out.rglob("*.html")}
    for path, links in files.items():
        for target in links.targets:
            parts = urllib.parse.urlsplit(target)
            if parts.scheme or parts.netloc or path.name == "404.html":
                continue
            file = (path.parent / urllib.parse.unquote(parts.path)).resolve() if parts.path else path
            file = file / "index.html" if file.is_dir() else file
            if not file.exists():
                yield f"{path.relative_to(out)}: link to {target}: found no such page"
            elif parts.fragment and file in files and parts.fragment not in files[file].ids:
                yield f"{path.relative_to(out)}: link to {target}: found no such heading"


def main():
    out = pathlib.Path(sys.argv[1]).resolve()
    source = out.parent / "site-pages"
    for folder in (source, out):
        shutil.rmtree(folder, ignore_errors=True)
    stage(source)
    shutil.copyfile(HERE / "site.css", source / "site.css")
    config = out.parent / "mkdocs.yml"
    config.write_text(json.dumps(configuration(source, out)))
    subprocess.run([sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "-f", config], check=True,
                   env=os.environ | {"NO_MKDOCS_2_WARNING": "1"})
    dead = list(dead_links(out))
    print("\n".join(dead + [f"site: {len(list(out.rglob('*.html')))} pages in {sys.argv[1]}, {len(dead)} dead links"]))
    return len(dead) > 0


if __name__ == "__main__":
    sys.exit(main())
