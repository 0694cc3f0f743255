"""What fixtures/ holds: the models, the prompts, and the bugs of each case. Not a program."""
import bugs

# Per bug: its id, how to switch it on, a public port that had it; `layers` that have it where not all do; `absent`,
# taps that such a backend does not have; `keep`, the taps besides layer outputs that are dumped; `below_layers` if
# outputs of whole layers, where bfloat16 rounds a hundred times, hide it.
E2B_VISION_BUGS = [
    dict(id="projector-norm-after-projection", switch_on=bugs.norm_after_projection, absent="model.embed_vision.*",
         keep=[],
         source="https://github.com/vllm-project/vllm/pull/40411"),
    dict(id="vision-clip-omitted", switch_on=bugs.clip_omitted,
         keep=["model.vision_tower#*", "*.encoder.layers.0.*"],
         source="https://github.com/AI-Hypercomputer/maxtext/pull/4790"),
]
BIG_VISION_BUGS = [
    dict(id="std-not-loaded", switch_on=bugs.std_not_loaded, keep=["model.embed_vision.*"],
         source="https://github.com/baidu/vLLM-Kunlun/pull/379"),
    dict(id="pool-padding-not-zeroed", switch_on=bugs.padding_not_zeroed, keep=["*.encoder.layers.1.*"],
         source="https://github.com/Blaizzy/mlx-vlm/pull/906"),
]
E2B_TEXT_BUGS = [
    dict(id="window-off-by-one", switch_on=bugs.window_off_by_one, layers=[2],
         keep=["*.2.self_attn#attn_weights", "*.2.self_attn.o_proj"],
         source="https://github.com/sgl-project/sglang/pull/26147"),
    dict(id="kv-shared-recomputed", switch_on=bugs.kv_shared_recomputed, layers=[3],
         keep=["*.3.self_attn#key_states", "*.3.self_attn#attn_weights", "*.3.self_attn.o_proj"],
         source="https://github.com/huggingface/transformers/pull/45312"),
    dict(id="layer-scalar-misplaced", switch_on=bugs.layer_scalar_misplaced, layers=[3],
         keep=["*.3.post_feedforward_layernorm", "*.3.*per_layer_input*"],
         source="https://github.com/quantumaikr/quant.cpp/issues/96"),
    dict(id="rope-partial-prefix", switch_on=bugs.rope_partial_prefix, layers=[3],
         keep=["*.3.self_attn#query_states", "*.3.self_attn.o_proj"], below_layers=True,
         source="https://github.com/NVIDIA-NeMo/Megatron-Bridge/pull/4916"),
]
BIG_BUGS = [
    dict(id="bidir-missing", switch_on=bugs.bidir_missing, layers=[1],
         keep=["*.language_model.*.1.self_attn#attn_weights", "*.language_model.*.1.self_attn.o_proj"],
         below_layers=True, source="https://github.com/vllm-project/vllm/issues/40106"),
    dict(id="bidir-crosses-window", switch_on=bugs.bidir_crosses_window, layers=[1],
         keep=["*.language_model.*.1.self_attn#attn_weights", "*.language_model.*.1.self_attn.o_proj"],
         below_layers=True, source="https://github.com/huggingface/transformers/pull/46850"),
    dict(id="kv-tied-after-norm", switch_on=bugs.kv_tied_after_norm, layers=[2],
         keep=["*.2.self_attn.k_norm", "*.2.self_attn.v_norm", "*.2.self_attn.o_proj"], below_layers=True,
         source="https://github.com/NVIDIA-NeMo/Megatron-Bridge/pull/4683"),
    dict(id="softcap-missing", switch_on=bugs.softcap_missing, keep=["lm_head"],
         source="https://github.com/NVIDIA-NeMo/Megatron-Bridge/pull/4645"),
]
MOE_BUGS = [
    dict(id="router-input-normed", switch_on=bugs.router_input_normed, layers=[1],
         keep=["*.1.router*", "*.1.experts", "*.1.*layernorm_?"], below_layers=True,
         source="https://github.com/NVIDIA-NeMo/Megatron-Bridge/pull/4683"),
    dict(id="per-expert-scale-missing", switch_on=bugs.per_expert_scale_missing, layers=[1],
         keep=["*.1.router*", "*.1.experts", "*.1.*layernorm_?"], below_layers=True,
         source="https://github.com/AI-Hypercomputer/maxtext/commit/2aebc785f"),
    dict(id="experts-silu", switch_on=bugs.experts_silu, layers=[1],
         keep=["*.1.router*", "*.1.experts", "*.1.*layernorm_?"], below_layers=True,
         source="https://github.com/kekzl/imp/pull/9"),
]
E2B_BUGS = [
    dict(id="ple-placeholder-id", switch_on=bugs.ple_placeholder_id, keep=["*per_layer_inputs"],
         source="https://github.com/google/tunix/pull/1608"),
    dict(id="merge-embed-scale-on-features", switch_on=bugs.embed_scale_on_features, keep=["model#inputs_embeds"],
         source="https://github.com/Blaizzy/mlx-vlm/pull/906"),
    dict(id="rope-q-plus-one", switch_on=bugs.rope_q_plus_one, layers=[2],
         keep=["*.2.self_attn#query_states", "*.2.self_attn.o_proj"], below_layers=True,
         source="https://github.com/Blaizzy/mlx-vlm/pull/966"),
    dict(id="attn-scale-rsqrt", switch_on=bugs.attn_scale_rsqrt, layers=[3],
         keep=["*.3.self_attn#query_states", "*.3.self_attn#attn_weights", "*.3.self_attn.o_proj"], below_layers=True,
         source="https://github.com/mlc-ai/mlc-llm/pull/3485"),
]
SHARED_BUGS = [
    dict(id="kv-shared-recomputed", switch_on=bugs.kv_shared_recomputed, layers=[4],
         keep=["*.4.self_attn#*_states", "*.4.self_attn#attn_weights", "*.4.self_attn.o_proj"],
         source="https://github.com/huggingface/transformers/pull/45312"),
    dict(id="kv-shared-wrong-donor", switch_on=bugs.kv_shared_wrong_donor,
         keep=["*.[45].self_attn#*_states", "*.[45].self_attn#attn_weights", "*.[45].self_attn.o_proj"],
         source="https://github.com/vllm-project/vllm/pull/48365"),
]
EXTREMES_BUGS = [
    dict(id="bidir-missing", switch_on=bugs.bidir_missing, layers=[0],
         keep=["*.language_model.*.0.self_attn#attn_weights", "*.language_model.*.0.self_attn.o_proj"],
         source="https://github.com/vllm-project/vllm/issues/40106"),
    dict(id="bidir-dropped-when-long", switch_on=bugs.bidir_dropped_when_long, layers=[0],
         keep=["*.language_model.*.0.self_attn#attn_weights", "*.language_model.*.0.self_attn.o_proj"],
         source="https://github.com/vllm-project/vllm/pull/47217"),
    dict(id="v-norm-f16-overflow", switch_on=bugs.v_norm_f16_overflow, layers=[0],
         keep=["*.language_model.*.0.self_attn.v_*", "*.language_model.*.0.self_attn.o_proj"],
         source="https://github.com/onnxruntime/mobius/pull/253"),
]

# The weight of a sublayer's last norm, tuned in `scales`, says how much of it reaches the logits. Layers with a bug add
# little to the residual, the others much, and small layer_scalars magnify rounding: what the bug does to the logits
# then drowns in what bfloat16 does to them.
SLIDING, FULL = "sliding_attention", "full_attention"
TEXT = dict(vocab_size=320, vocab_size_per_layer_input=320, hidden_size=64, intermediate_size=64, head_dim=256,
            global_head_dim=512, num_attention_heads=2, num_key_value_heads=1, hidden_size_per_layer_input=0,
            final_logit_softcapping=30.0, max_position_embeddings=256)
BIG_TEXT = dict(TEXT, attention_k_eq_v=True, use_bidirectional_attention="vision")
E2B_TEXT = dict(TEXT, num_hidden_layers=4, layer_types=[SLIDING, FULL, SLIDING, FULL], num_kv_shared_layers=2,
                use_double_wide_mlp=True, hidden_size_per_layer_input=16)
SMALL_VISION = dict(hidden_size=72, intermediate_size=64, num_hidden_layers=1, num_attention_heads=1,
                    num_key_value_heads=1, head_dim=72, standardize=True, position_embedding_size=16,
                    pooling_kernel_size=2, patch_size=8)

CASES = [
    dict(
        name="e2b-vision", seed=20260401, bugs=E2B_VISION_BUGS,
        covers=["vision tower and projector as in E2B and E4B: clipped linears, head_dim 64",
                "finite clip bounds, asymmetric, different for each projection, cutting about 1 % of the values",
                "two images of different shape in a batch, the second padded",
                "pooling over 3 x 3 patches"],
        vision_config=dict(hidden_size=128, intermediate_size=128, num_hidden_layers=2, num_attention_heads=2,
                           num_key_value_heads=2, head_dim=64, use_clipped_linears=True, position_embedding_size=32),
        grids=[(6, 3), (3, 3)], num_patches=18, always=["*.pooler"], keep=["*"]),
    dict(
        name="31b-vision", seed=20260402, bugs=BIG_VISION_BUGS,
        covers=["vision tower and projector as in 26B-A4B and 31B: standardize, plain linears, head_dim 72",
                "std_bias and std_scale away from 0 and 1",
                "one padded image",
                "pooling over 3 x 3 patches into two rows of soft tokens"],
        vision_config=dict(hidden_size=144, intermediate_size=96, num_hidden_layers=2, num_attention_heads=2,
                           num_key_value_heads=2, head_dim=72, standardize=True, position_embedding_size=32),
        grids=[(6, 6)], num_patches=45, always=["*.pooler"], keep=["*"]),
    dict(
        name="e2b-text", seed=353, bugs=E2B_TEXT_BUGS,
        covers=["text model as in E2B and E4B, in a text-only checkpoint: per-layer embeddings, KV sharing, wide MLPs "
                "in the layers that share, one key/value head, head_dim 256 and 512",
                "two rows, the second padded on the left",
                "a prompt longer than the sliding window"],
        text_config=dict(E2B_TEXT, num_attention_heads=1, sliding_window=6), rows=[[11], [8]],
        keep=["*.2.*layernorm", "*.2.self_attn#*", "*.2.self_attn.o_proj", "*.2.mlp*", "*.2.*per_layer*"],
        scales={"*.layer_scalar": 0.28, "*.post_feedforward_layernorm.weight": 3, "*.[01].post_per_layer_input*": 3,
                "*.2.post_feedforward_layernorm.weight": 0.2, "*.2.post_per_layer_input_norm.weight": 0.6,
                "*.2.post_attention_layernorm.weight": 0.025, "*.3.post_feedforward_layernorm.weight": 0.1,
                "*.3.post_per_layer_input_norm.weight": 0.0013, "*.3.post_attention_layernorm.weight": 0.0019,
                "model.norm.weight": 2}),
    dict(
        name="31b", seed=43, bugs=BIG_BUGS,
        covers=["text model as in 31B: values are the unnormalised keys of full layers, with fewer heads than in "
                "sliding ones; head_dim 256 and 512",
                "image tokens see each other in sliding layers, but not across the window, which they are longer than",
                "one image between texts, from pixels to logits"],
        text_config=dict(BIG_TEXT, num_hidden_layers=3, layer_types=[SLIDING, SLIDING, FULL], num_key_value_heads=2,
                         num_global_key_value_heads=1, sliding_window=6),
        vision_config=SMALL_VISION, grids=[(8, 4)], num_patches=32, rows=[[3, "begin", ("image", 8), "end", 3]],
        keep=["*.1.*layernorm", "*.1.self_attn#*", "*.1.self_attn.o_proj", "*.1.mlp*"],
        scales={"*.post_feedforward_layernorm.weight": 3, "*.layer_scalar": 0.3, "*.language_model.norm.weight": 3.4,
                "*.1.post_attention_layernorm.weight": 0.015, "*.2.post_attention_layernorm.weight": 0.012}),
    dict(
        name="26b-a4b", seed=49, bugs=MOE_BUGS,
        covers=["text model as in 26B-A4B: dense MLP and experts side by side, 3 of 8 experts a token; values are the "
                "unnormalised keys of full layers",
                "one small image, from pixels to logits"],
        text_config=dict(BIG_TEXT, num_hidden_layers=2, layer_types=[SLIDING, FULL], num_attention_heads=1,
                         sliding_window=8, enable_moe_block=True, num_experts=8, top_k_experts=3,
                         moe_intermediate_size=32),
        vision_config=SMALL_VISION, grids=[(4, 2)], num_patches=8, rows=[[5, "begin", ("image", 2), "end", 6]],
        keep=["*.1.*layernorm*", "*.1.self_attn#*", "*.1.self_attn.o_proj", "*.1.mlp*", "*.1.router*", "*.1.experts"],
        scales={"*.post_feedforward_layernorm.weight": 3, "*.layer_scalar": 0.3, "*.language_model.norm.weight": 1.5,
                "*.1.post_feedforward_layernorm_2.weight": 0.025}),
    dict(
        name="e2b", seed=37, bugs=E2B_BUGS, max_new_tokens=3,
        covers=["E2B, from pixels to generated tokens: clipped linears, per-layer embeddings, KV sharing, wide MLPs",
                "two images of different size between texts",
                "greedy generation past the sliding window, from prefill to logits of each step"],
        text_config=dict(E2B_TEXT, num_attention_heads=1, sliding_window=12),
        vision_config=dict(hidden_size=64, intermediate_size=64, num_hidden_layers=1, num_attention_heads=1,
                           num_key_value_heads=1, head_dim=64, use_clipped_linears=True, position_embedding_size=16,
                           patch_size=8),
        grids=[(6, 3), (3, 3)], num_patches=18,
        rows=[[3, "begin", ("image", 2), "end", 2, "begin", ("image", 1), "end", 2]],
        keep=["*.language_model.layers.2.*"],
        scales={"*.post_feedforward_layernorm.weight": 3, "*.layer_scalar": 0.5, "*.language_model.norm.weight": 1.5,
                "*.1.post_attention_layernorm.weight": 0.02, "*.2.post_attention_layernorm.weight": 0.02,
                "*.3.post_attention_layernorm.weight": 0.012}),
    dict(
        name="e2b-shared", seed=1, bugs=SHARED_BUGS, unused_kv=True,
        covers=["KV sharing as in E2B and E4B: two layers of each type have keys and values of their own, and the file "
                "holds unused k_proj, v_proj and k_norm of those that share",
                "a text-only checkpoint, a prompt longer than the sliding window"],
        text_config=dict(E2B_TEXT, num_hidden_layers=6, layer_types=3 * [SLIDING, FULL], num_attention_heads=1,
                         sliding_window=6),
        rows=[[9]], keep=["*.4.*layernorm", "*.4.self_attn#*", "*.4.self_attn.o_proj", "*.4.mlp*"],
        scales={"*.post_feedforward_layernorm.weight": 3}),
    dict(
        name="31b-extremes", seed=1, bugs=EXTREMES_BUGS,
        covers=["numbers near the limits: soft tokens beyond 65504 before they are standardized, values beyond 256 "
                "before v_norm, attention outputs so small that rms_norm_eps shows",
                "two images, one longer than the sliding window and one shorter; sound in mm_token_type_ids",
                "text model as in 31B"],
        text_config=dict(BIG_TEXT, num_hidden_layers=2, layer_types=[SLIDING, FULL], num_attention_heads=1,
                         sliding_window=6),
        vision_config=SMALL_VISION, grids=[(8, 4), (4, 2)], num_patches=32,
        rows=[[2, "begin", ("image", 8), "end", 1, ("audio", 3), "begin", ("image", 2), "end", 2]],
        keep=["*.0.*layernorm", "*.0.self_attn#*", "*.0.self_attn.o_proj", "*.0.mlp*"],
        scales={"*.0.self_attn.v_proj.weight": 120, "*.0.self_attn.o_proj.weight": 0.003,
                "*.post_feedforward_layernorm.weight": 2},
        vision_scales={"*.post_feedforward_layernorm.weight": 3500}),
]
