"""The six functions of skeleton.py."""
import numpy as np


def rms_norm(x, w):
    x = x / np.sqrt((x * x).mean(-1, keepdims=True) + np.float32(1e-6))
    return x if w is None else x * w


def rope(x, theta):
    seq, _, d = x.shape
    f = theta ** (-2 * np.arange(d // 2) / d)
    angle = (np.arange(seq)[:, None] * f[None, :])[:, None, :]
    cos, sin = np.cos(angle).astype(np.float32), np.sin(angle).astype(np.float32)
    a, b = x[..., : d // 2], x[..., d // 2 :]
    return np.concatenate([a * cos - b * sin, b * cos + a * sin], -1)


def mask(types, window):
    seq = len(types)
    picture = types == 1
    block = np.where(picture, (picture & ~np.append(False, picture[:-1])).cumsum(), 0)
    q, k = np.arange(seq)[:, None], np.arange(seq)[None, :]
    same = (block[q] > 0) & (block[q] == block[k])
    return ((k <= q) | same) & (k > q - window)


def attention(q, k, v, allowed):
    dots = np.where(allowed, q @ k.transpose(0, 2, 1), np.finfo(np.float32).min)
    shares = np.exp(dots - dots.max(-1, keepdims=True))
    shares = shares / shares.sum(-1, keepdims=True)
    return (shares @ v).transpose(1, 0, 2), shares


def mlp(x, gate, up, down, tap):
    g = tap("gate_proj", x @ gate.T)
    g = g / 2 * (1 + np.tanh(np.float32(np.sqrt(2 / np.pi)) * (g + np.float32(0.044715) * g**3)))
    return tap("down_proj", (tap("act_fn", g) * tap("up_proj", x @ up.T)) @ down.T)


def layer(x, attend, feed, norm, scalar):
    x = x + norm("post_attention_layernorm", attend(norm("input_layernorm", x)))
    x = x + norm("post_feedforward_layernorm", feed(norm("pre_feedforward_layernorm", x)))
    return x * scalar
