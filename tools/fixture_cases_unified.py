"""What fixtures/ holds of the family without towers; as in fixture_cases.py. Not a program."""
import bugs
import bugs_unified
from fixture_cases import FULL, SLIDING, TEXT

EMBEDDER = ["model.embed_vision.*", "model.embed_vision#*"]
UNIFIED = dict({name: value for name, value in TEXT.items() if "per_layer" not in name}, attention_k_eq_v=True,
               use_bidirectional_attention="vision", num_attention_heads=1, sliding_window=6)
MERGED_PATCHES = dict(patch_size=8, pooling_kernel_size=2, mm_embed_dim=72, mm_posemb_size=24, output_proj_dims=72)

IMAGE_BUGS = [
    dict(id="posemb-flat-index", switch_on=bugs_unified.posemb_flat_index, keep=EMBEDDER,
         source="https://github.com/keras-team/keras-hub/pull/2758"),
    dict(id="unified-merge-pad-first", switch_on=bugs_unified.merge_pad_first, keep=EMBEDDER,
         source="https://github.com/keras-team/keras-hub/pull/2758"),
    dict(id="unified-layernorm-eps", switch_on=bugs_unified.layernorm_eps, keep=EMBEDDER, below_layers=True,
         source="no known report; an epsilon of 1e-6 is what all other norms of the model have"),
    dict(id="bidir-missing", switch_on=bugs.bidir_missing, layers=[1],
         keep=["*.language_model.*.1.self_attn#attn_weights", "*.language_model.*.1.self_attn.o_proj"],
         below_layers=True,
         source="https://github.com/vllm-project/vllm/issues/40106"),
    dict(id="kv-tied-after-norm", switch_on=bugs.kv_tied_after_norm, layers=[2], vision_mask="google",
         keep=["*.2.self_attn.k_norm", "*.2.self_attn.v_norm", "*.2.self_attn.o_proj"], below_layers=True,
         source="https://github.com/NVIDIA-NeMo/Megatron-Bridge/pull/4683"),
]
VIDEO_AUDIO_BUGS = [
    dict(id="audio-unified-count", edit=bugs_unified.audio_count, keep=["model#inputs_embeds"],
         source="https://github.com/vllm-project/vllm/pull/47652"),
    dict(id="projector-norm-missing", switch_on=bugs_unified.projector_norm_missing,
         absent="*.embedding_pre_projection_norm*", keep=EMBEDDER + ["model.embed_audio.*"],
         source="no known report; the tower models' projector has its norm in the same place"),
    dict(id="softcap-missing", switch_on=bugs.softcap_missing, keep=["lm_head"],
         source="https://github.com/NVIDIA-NeMo/Megatron-Bridge/pull/4645"),
]

CASES = [
    dict(
        name="12b-image", seed=25, bugs=IMAGE_BUGS, readings=[("fp32", "sdpa"), ("bf16", "eager")],
        covers=["the encoder-free model, 12B: merged patches, LayerNorms and positions by axis, then the text model "
                "with unnormalised keys as the values of full layers, head_dim 256 and 512",
                "two images of different size between texts, the second dark and padded",
                "image tokens see each other in all layers, also beyond the window, which the first image is longer "
                "than: where Hugging Face's reading of the masks and Google's differ"],
        text_config=dict(UNIFIED, num_hidden_layers=3, layer_types=[SLIDING, SLIDING, FULL]),
        vision_config=MERGED_PATCHES, grids=[(4, 3), (2, 2)], num_patches=12, brightness=[1, 0.06],
        rows=[[3, "begin", ("image", 12), "end", 2, "begin", ("image", 4), "end", 3]],
        keep=EMBEDDER + ["*.1.*layernorm", "*.1.self_attn#*", "*.1.self_attn.o_proj", "*.1.mlp*"],
        scales={"*.post_feedforward_layernorm.weight": 3, "*.layer_scalar": 0.5, "*.language_model.norm.weight": 2,
                "*.1.post_attention_layernorm.weight": 0.02, "*.2.post_attention_layernorm.weight": 0.02}),
    dict(
        name="12b-video-audio", seed=8, bugs=VIDEO_AUDIO_BUGS,
        covers=["the encoder-free model, 12B: video frames as merged patches, raw frames of sound",
                "two videos, of two frames and of one, with padding patches in between",
                "two clips of sound, the second padded, its last frame a quarter full",
                "two rows, the second padded on the left, past the sliding window"],
        text_config=dict(UNIFIED, num_hidden_layers=2, layer_types=[SLIDING, FULL]),
        vision_config=MERGED_PATCHES, audio_config=dict(audio_embed_dim=64),
        video_grids=[(2, 1), (2, 1), (1, 3)], num_patches=3, frames=[2, 1], clips=[5, 2.25],
        rows=[[2, "begin", ("video", 2), "end", 1, "begin", ("video", 2), "end", "begin audio", ("audio", 5),
               "end audio", 2],
              ["begin audio", ("audio", 3), "end audio", 2, "begin", ("video", 3), "end", 3]],
        keep=EMBEDDER + ["model.embed_audio.*", "*.1.*layernorm", "*.1.self_attn#*", "*.1.self_attn.o_proj",
                         "*.1.mlp*"],
        scales={"*.post_feedforward_layernorm.weight": 3, "*.layer_scalar": 0.4, "*.language_model.norm.weight": 4}),
]
