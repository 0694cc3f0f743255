"""Plain SVG: grids, bars, curves and points, as the lessons need them."""

INK, FAINT, GOOD, BAD, THIRD = "#333", "#bbb", "#2f6fb0", "#c8502c", "#5a8f3c"


def shade(share, hue=(47, 111, 176)):
    """White to a colour, by a share of 0 .. 1"""
    share = min(max(float(share), 0), 1)
    return "#" + "".join(f"{round(255 + (part - 255) * share):02x}" for part in hue)


def two_sided(value, most):
    """Blue above 0, orange below"""
    return shade(value / most) if value >= 0 else shade(-value / most, (200, 80, 44))


class Picture:
    def __init__(self, width, height, title):
        self.width, self.height, self.parts = width, height, []
        self.text(width / 2, 18, title, 13, anchor="middle")

    def text(self, x, y, words, size=11, anchor="start", colour=INK):
        words = str(words).replace("&", "&amp;").replace("<", "&lt;")
        self.parts.append(f'<text x="{x:.1f}" y="{y:.1f}" font-size="{size}" text-anchor="{anchor}" fill="{colour}">'
                          f"{words}</text>")

    def box(self, x, y, width, height, fill, edge=None):
        edge = f' stroke="{edge}"' if edge else ""
        self.parts.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="{width:.1f}" height="{height:.1f}" '
                          f'fill="{fill}"{edge}/>')

    def line(self, x, y, to_x, to_y, colour=FAINT, width=1):
        self.parts.append(f'<line x1="{x:.1f}" y1="{y:.1f}" x2="{to_x:.1f}" y2="{to_y:.1f}" stroke="{colour}" '
                          f'stroke-width="{width}"/>')

    def curve(self, points, colour=GOOD, width=1.8):
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        self.parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="{width}"/>')

    def dot(self, x, y, colour=GOOD, radius=2):
        self.parts.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="{radius}" fill="{colour}"/>')

    def grid(self, x, y, cell, values, colour_of, height=None):
        height = height or cell
        for row, line in enumerate(values):
            for column, value in enumerate(line):
                self.box(x + column * cell, y + row * height, cell, height, colour_of(value))
        self.box(x, y, cell * len(values[0]), height * len(values), "none", FAINT)

    def bars(self, x, y, names, values, scale, colour_of, wide=150, text="{:.3g}"):
        """A bar to the right for each name; scale: pixels of a value"""
        for row, (name, value) in enumerate(zip(names, values)):
            at = y + row * 18
            self.text(x + wide - 6, at + 11, name, 10, anchor="end")
            self.box(x + wide, at + 1, max(scale(value), 1), 13, colour_of(row))
            self.text(x + wide + max(scale(value), 1) + 5, at + 11, text.format(value), 10)

    def __str__(self):
        head = (f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {self.width} {self.height}" '
                f'width="{self.width}" height="{self.height}" font-family="sans-serif">')
        return "\n".join([head, f'<rect width="{self.width}" height="{self.height}" rx="6" fill="white"/>', *self.parts,
                          "</svg>", ""])


class Axes:
    """A frame in a picture: values of x and y to pixels"""

    def __init__(self, picture, at, size, x_range, y_range, names=("", "")):
        self.at, self.size, self.x_range, self.y_range = at, size, x_range, y_range
        (x, y), (width, height) = at, size
        picture.box(x, y, width, height, "none", FAINT)
        for share, anchor in ((0, "start"), (1, "end")):
            picture.text(x + share * width, y + height + 13, f"{x_range[share]:.3g}", 9, anchor)
            picture.text(x - 4, y + height - share * (height - 8), f"{y_range[share]:.3g}", 9, "end")
        picture.text(x + width / 2, y + height + 14, names[0], 10, "middle")
        picture.text(x, y - 5, names[1], 10)

    def point(self, x, y):
        share_x = (x - self.x_range[0]) / (self.x_range[1] - self.x_range[0])
        share_y = (y - self.y_range[0]) / (self.y_range[1] - self.y_range[0])
        return self.at[0] + share_x * self.size[0], self.at[1] + (1 - share_y) * self.size[1]
