"""The wheel holds a program: it is of one platform, and of any Python 3."""
from setuptools import setup
from setuptools.dist import Distribution

try:
    from setuptools.command.bdist_wheel import bdist_wheel
except ImportError:
    from wheel.bdist_wheel import bdist_wheel


class Wheel(bdist_wheel):
    def get_tag(self):
        return "py3", "none", super().get_tag()[2]


class WithProgram(Distribution):
    def has_ext_modules(self):
        return True


setup(distclass=WithProgram, cmdclass={"bdist_wheel": Wheel})
