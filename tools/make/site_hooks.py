"""What mkdocs calls for each page: formulas become MathML."""
import html
import re

from latex2mathml.converter import convert

FORMULA = re.compile(r'<(span|div) class="arithmatex">(?:\\\((.*?)\\\)|\\\[(.*?)\\\])</\1>', re.S)


def mathml(found):
    inline, block = found[2], found[3]
    formula = html.unescape(inline if inline is not None else block).strip()
    return convert(formula, display="inline" if inline is not None else "block")


def on_page_content(content, page, config, files):
    return FORMULA.sub(mathml, content)
