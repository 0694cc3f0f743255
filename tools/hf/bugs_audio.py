"""Bugs of the audio tower that ports of Gemma 4 had, or may have, switched on in Hugging Face's eager model. Not a
program.

As in bugs.py; `edit(inputs, config)` as in bugs_unified.py.
"""
import types

import torch
import torch.nn.functional as F
from transformers.models.gemma4.modeling_gemma4 import Gemma4AudioAttention, Gemma4ClippableLinear, Gemma4RMSNorm


def tower(model):
    return model.model.audio_tower


# ---------------------------------------------------------------- features

def change_features(inputs, change):
    valid = inputs["input_features_mask"][..., None]
    features = inputs["input_features"]
    changed = change((features.double().exp() - 1e-3).clamp(min=0)).float()
    return inputs | {"input_features": torch.where(valid, changed, features)}


def int16_unscaled(inputs, config):
    """Samples as whole numbers of 16 bits: the mel spectrum is 2^15 as large."""
    return change_features(inputs, lambda mel: (32768 * mel + 1e-3).log())


def log_hard_floor(inputs, config):
    """ln(max(mel, 0.001)), not ln(mel + 0.001)."""
    return change_features(inputs, lambda mel: mel.clamp(min=1e-3).log())


# ---------------------------------------------------------------- subsampling

def subsample_no_mask(model):
    """The second convolution sees what the first makes of padding."""
    layer1 = tower(model).subsample_conv_projection.layer1
    forward = layer1.forward

    def unmasked(hidden_states, mask=None):
        return forward(hidden_states, None)[0], mask[:, ::2]
    layer1.forward = unmasked


def group_norm(model):
    """Gemma 3n's cumulative group norm in place of LayerNorm: [clips, frames, bins, channels]."""
    def cumulative(self, x):
        count = torch.arange(1, x.shape[1] + 1, device=x.device)[:, None, None] * x.shape[2] * x.shape[3]
        wide = x.float()
        apart = wide - wide.sum((2, 3), keepdim=True).cumsum(1) / count
        variance = apart.square().sum((2, 3), keepdim=True).cumsum(1) / count
        return (apart * torch.rsqrt(variance + self.eps) * self.weight.float()).to(x.dtype)
    projection = tower(model).subsample_conv_projection
    for layer in (projection.layer0, projection.layer1):
        layer.norm.forward = types.MethodType(cumulative, layer.norm)


# ---------------------------------------------------------------- attention

def with_mask(model, change):
    """mask = change(mask) for every layer; a mask is [clips, 1, blocks, chunk, context], 0 where a query may look."""
    def before(module, args, kwargs):
        return args, dict(kwargs, attention_mask=change(kwargs["attention_mask"]))
    for layer in tower(model).layers:
        layer.register_forward_pre_hook(before, with_kwargs=True, prepend=True)


def mask_inverted(model):
    """A query looks where it may not, and nowhere else."""
    with_mask(model, lambda mask: (mask == 0).to(mask.dtype))


def window_13(model):
    """A query hears attention_context_left frames, one too many."""
    subsampled = []
    projection = tower(model).subsample_conv_projection
    projection.register_forward_hook(lambda module, args, output: subsampled.append(output[1]))
    past = tower(model).config.attention_context_left - 1

    def change(mask):
        valid, mask = subsampled[-1], mask.clone()
        clips, seq = valid.shape
        chunk = mask.shape[3]
        for query in range(past, seq):
            cell = mask[:, 0, query // chunk, query % chunk, query % chunk]
            cell[valid[:, query - past]] = 0
        return mask
    with_mask(model, change)


def relpos_ascending(model):
    """Relative positions count up from 0."""
    tower(model).rel_pos_enc.register_forward_hook(lambda module, args, output: output.flip(1))


def relpos_interleaved(model):
    """Sines and cosines alternate."""
    def after(module, args, output):
        return torch.stack(output.chunk(2, -1), -1).flatten(-2)
    tower(model).rel_pos_enc.register_forward_hook(after)


def qscale_zero(model):
    """softplus(per_dim_scale) is never filled."""
    for module in model.modules():
        if isinstance(module, Gemma4AudioAttention):
            module.per_dim_scale.data.fill_(-1e4)


def softcap_missing(model):
    for layer in tower(model).layers:
        layer.self_attn.softcap = layer.self_attn.softcap.float() * 0 + 1e6


# ---------------------------------------------------------------- convolution

def glu_halves_swapped(model):
    """The first half of linear_start gates the second."""
    for layer in tower(model).layers:
        lconv1d = layer.lconv1d
        start, inputs = lconv1d.linear_start, lconv1d.depthwise_conv1d

        def keep(module, args, output, lconv1d=lconv1d):
            lconv1d.started = output

        def before(module, args, lconv1d=lconv1d):
            second, first = lconv1d.started.chunk(2, -1)
            return (F.glu(torch.cat([first, second], -1), -1).transpose(1, 2),)
        start.register_forward_hook(keep)
        inputs.register_forward_pre_hook(before)


def conv_centred(model):
    """Half of the kernel lies in the future."""
    for layer in tower(model).layers:
        def forward(self, x):
            left = (self.kernel_size[0] - 1) // 2
            return torch.nn.Conv1d.forward(self, F.pad(x, (left, self.kernel_size[0] - 1 - left)))
        convolution = layer.lconv1d.depthwise_conv1d
        convolution.forward = types.MethodType(forward, convolution)


def conv_norms_swapped(model):
    for layer in tower(model).layers:
        pre, post = layer.lconv1d.pre_layer_norm, layer.lconv1d.conv_norm
        pre.weight.data, post.weight.data = post.weight.data, pre.weight.data


# ---------------------------------------------------------------- the tower as a whole

def clip_omitted(model):
    for module in tower(model).modules():
        if isinstance(module, Gemma4ClippableLinear):
            module.use_clipped_linears = False


def rmsnorm_one_plus_weight(model):
    """Norms of the conformer's layers multiply by 1 + weight, and in float32."""
    for layer in tower(model).layers:
        for module in layer.modules():
            if isinstance(module, Gemma4RMSNorm) and module.with_scale:
                module.weight.data = module.weight.data.float() + 1


def zeroed_duplicates(model):
    """The norm that the loader asks for twice stays empty."""
    for layer in tower(model).layers:
        layer.feed_forward1.pre_layer_norm.weight.data.fill_(0)


def residual_weight_1(model):
    for layer in tower(model).layers:
        layer.feed_forward1.post_layer_scale = layer.feed_forward2.post_layer_scale = 1.0


def rms_eps(model):
    """Norms that take their eps from the configuration have 1e-5."""
    for module in (*tower(model).modules(), *model.model.embed_audio.modules()):
        for name in ("eps", "variance_epsilon"):
            if getattr(module, name, None) == tower(model).config.rms_norm_eps:
                setattr(module, name, 1e-5)


def norm_after_projection(model):
    """embed_audio normalises the projection, not what is projected."""
    embedder = model.model.embed_audio
    norm, projection = embedder.embedding_pre_projection_norm, embedder.embedding_projection
    embedder.forward = lambda inputs_embeds: norm(projection(inputs_embeds))


def of(model, inputs):
    """The bugs that this model shows on these inputs, each as switch_on."""
    if "input_features" not in inputs or not hasattr(model.model, "audio_tower"):
        return []
    config, valid = tower(model).config, inputs["input_features_mask"][:, ::2][:, ::2].sum(-1)
    shown = [relpos_interleaved, qscale_zero, glu_halves_swapped, conv_norms_swapped, group_norm, zeroed_duplicates,
             rmsnorm_one_plus_weight]
    shown += [conv_centred] * (config.conv_kernel_size > 1)
    shown += [window_13] * (valid.max() >= config.attention_context_left)
    shown += [clip_omitted] * config.use_clipped_linears
    shown += [residual_weight_1] * (config.residual_weight != 1)
    return [(bug,) for bug in shown]
