"""A checkpoint of Hugging Face's names as the parameters of gemma's modules: what its Orbax checkpoints hold"""
import jax
import jax.numpy as jnp


def heads(weight, size):
    """[heads * size, width] -> [heads, width, size]"""
    return weight.reshape(-1, size, weight.shape[1]).transpose(0, 2, 1)


class Layer:
    """A layer's weights; `linear` is what stands between a module's name and `weight`."""

    def __init__(self, weights, path, linear=""):
        self.weights, self.path, self.linear = weights, path, linear

    def __getitem__(self, name):
        return self.weights[f"{self.path}.{name}"]

    def weight(self, name):
        return self[f"{name}{self.linear}.weight"]

    def norm(self, name):
        return {"scale": self[f"{name}.weight"]}

    def attention(self, size, keys_are_values=False):
        query, key = heads(self.weight("self_attn.q_proj"), size), heads(self.weight("self_attn.k_proj"), size)
        output = self.weight("self_attn.o_proj").T
        own = {"q_einsum": {"w": query}, "attn_vec_einsum": {"w": output.reshape(-1, size, output.shape[1])},
               "query_norm": self.norm("self_attn.q_norm"), "key_norm": self.norm("self_attn.k_norm")}
        if keys_are_values:
            return {**own, "k_einsum": {"w": key}}
        return {**own, "kv_einsum": {"w": jnp.stack([key, heads(self.weight("self_attn.v_proj"), size)])}}

    def gate_and_up(self):
        return jnp.stack([self.weight("mlp.gate_proj"), self.weight("mlp.up_proj")])

    def attention_norms(self):
        return {"pre_attention_norm": self.norm("input_layernorm"),
                "post_attention_norm": self.norm("post_attention_layernorm")}


def vision_parameters(vision, weights):
    tower = "model.vision_tower"
    embedder, layers = f"{tower}.patch_embedder", []
    for i in range(vision["num_hidden_layers"]):
        layer = Layer(weights, f"{tower}.encoder.layers.{i}", ".linear")
        layers.append({**layer.attention_norms(), "attn": layer.attention(vision["head_dim"]),
                       "pre_ffw_norm": layer.norm("pre_feedforward_layernorm"),
                       "post_ffw_norm": layer.norm("post_feedforward_layernorm"),
                       "mlp": {"gating_einsum": {"w": layer.gate_and_up()},
                               "linear": {"w": layer.weight("mlp.down_proj").T}}})
    parameters = {"entry": {"input_projection": {"w": weights[f"{embedder}.input_proj.weight"].T},
                            "pos_emb": weights[f"{embedder}.position_embedding_table"].transpose(1, 0, 2)},
                  "transformer": {"stacked_layers": {"block": jax.tree.map(lambda *each: jnp.stack(each), *layers)}}}
    if vision["standardize"]:
        parameters["standardize"] = {"bias": weights[f"{tower}.std_bias"], "scale": weights[f"{tower}.std_scale"]}
    return parameters


def experts(text, layer):
    """The dense MLP is called mlp2, and its norms ffw2; the experts have the names that the MLP has elsewhere."""
    gate_up = layer["experts.gate_up_proj"]
    return {"pre_ffw2_norm": layer.norm("pre_feedforward_layernorm"),
            "post_ffw2_norm": layer.norm("post_feedforward_layernorm_1"),
            "pre_ffw_norm": layer.norm("pre_feedforward_layernorm_2"),
            "post_ffw1_norm": layer.norm("post_feedforward_layernorm_2"),
            "mlp2": {"gating_einsum": layer.gate_and_up(), "linear": layer.weight("mlp.down_proj").T},
            "mlp": {"router_logits": {"w": layer.weight("router.proj").T},
                    "gating_einsum": {"w": gate_up.reshape(len(gate_up), 2, text["moe_intermediate_size"], -1)},
                    "linear": {"w": layer["experts.down_proj"].transpose(0, 2, 1)},
                    "per_expert_scale": layer["router.per_expert_scale"], "router_scale": layer["router.scale"]}}


def text_layer(text, layer, full):
    size = text["global_head_dim"] if full else text["head_dim"]
    block = {**layer.attention_norms(), "attn": layer.attention(size, full and text["attention_k_eq_v"]),
             "post_ffw_norm": layer.norm("post_feedforward_layernorm"), "skip_scale": layer["layer_scalar"]}
    if text["enable_moe_block"]:
        block |= experts(text, layer)
    else:
        block |= {"pre_ffw_norm": layer.norm("pre_feedforward_layernorm"),
                  "mlp": {"gating_einsum": layer.gate_and_up(), "linear": layer.weight("mlp.down_proj").T}}
    if text["hidden_size_per_layer_input"]:
        block |= {"post_per_layer_input_norm": layer.norm("post_per_layer_input_norm"),
                  "per_layer_input_gate": {"w": layer.weight("per_layer_input_gate").T},
                  "per_layer_projection": {"w": layer.weight("per_layer_projection").T}}
    return block


def text_parameters(text, weights):
    model = "model.language_model" if "model.language_model.norm.weight" in weights else "model"
    layers, width, per_layer = text["num_hidden_layers"], text["hidden_size"], text["hidden_size_per_layer_input"]
    embedder = {"input_embedding": weights[f"{model}.embed_tokens.weight"]}
    if per_layer:
        projection = weights[f"{model}.per_layer_model_projection.weight"].T
        embedder |= {"per_layer_embeddings":
                     weights[f"{model}.embed_tokens_per_layer.weight"].reshape(-1, layers, per_layer),
                     "per_layer_model_projection": {"w": projection.reshape(width, layers, per_layer)},
                     "per_layer_projection_norm": {"scale": weights[f"{model}.per_layer_projection_norm.weight"]}}
    parameters = {"embedder": embedder, "final_norm": {"scale": weights[f"{model}.norm.weight"]}}
    for i, kind in enumerate(text["layer_types"]):
        parameters[f"layer_{i}"] = text_layer(text, Layer(weights, f"{model}.layers.{i}"), kind == "full_attention")
    return parameters
