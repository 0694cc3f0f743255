"""Stand-ins for two packages that gemma imports for annotations alone, where they are not installed

kauldron draws TensorFlow in, and dialog asks for Python 3.12. What of them computes is an identity, which is here.
"""
import importlib.util
import sys
import types

from flax import linen as nn


class Anything(types.ModuleType):
    """Has every attribute, may be called, subscripted and united; as a decorator it changes nothing."""

    __path__ = []

    def __getattr__(self, name):
        if name.startswith("__"):
            raise AttributeError(name)
        return Anything(name)

    def __getitem__(self, key):
        return self

    def __or__(self, other):
        return self

    __ror__ = __or__

    def __call__(self, *arguments, **named):
        return arguments[0] if len(arguments) == 1 and callable(arguments[0]) else self

    def __mro_entries__(self, bases):
        return ()


class Identity(nn.Module):
    def __call__(self, x):
        return x


class Finder:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in self.absent:
            return importlib.util.spec_from_loader(name, self)
        return None

    def create_module(self, spec):
        module = Anything(spec.name)
        if spec.name == "kauldron":
            module.kd = Anything("kd")
            module.kd.nn = types.SimpleNamespace(Identity=Identity)
        return module

    def exec_module(self, module):
        pass


def stand_in():
    finder = Finder()
    finder.absent = {name for name in ("kauldron", "dialog") if importlib.util.find_spec(name) is None}
    sys.meta_path.append(finder)
    if "kauldron" in finder.absent:
        from gemma.gm.utils import _jax_utils
        _jax_utils.flatten_unflatten_batch_dim = lambda: lambda call: call     # reads annotations; of one axis nothing
