"""Six functions of a sliding decoder layer, for you to write. What you leave as it is, the lesson's answer does.

All arrays are NumPy's, float32. seq: tokens; d: channels of a head. There is no batch.
"""


def rms_norm(x, w):
    """x [.., n], w [n] or None -> [.., n]: each row divided by its root mean square (eps 1e-6 inside), times w"""
    raise NotImplementedError


def rope(x, theta):
    """x [seq, heads, d] -> the same: channel i and i + d/2 of token p are turned by p * theta ** (-2 i / d)"""
    raise NotImplementedError


def mask(types, window):
    """types [seq]: 0 text, 1 picture -> bool [seq, seq]: (causal or the same picture) and within the window"""
    raise NotImplementedError


def attention(q, k, v, allowed):
    """q, k, v [heads, seq, d]; allowed [seq, seq] -> (out [seq, heads, d], shares [heads, seq, seq]); the scale is 1"""
    raise NotImplementedError


def mlp(x, gate, up, down, tap):
    """x [seq, hidden] -> [seq, hidden]; call tap("gate_proj", ..), "act_fn", "up_proj" and "down_proj" as you go"""
    raise NotImplementedError


def layer(x, attend, feed, norm, scalar):
    """x [seq, hidden] -> [seq, hidden]. attend and feed are functions of x; norm(name, x) is one of the four norms:
    input_layernorm, post_attention_layernorm, pre_feedforward_layernorm, post_feedforward_layernorm"""
    raise NotImplementedError
