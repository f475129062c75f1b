"""Writes an embedded model as a GGUF file, which llama.cpp reads.

Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md. The weights have the names of llama.cpp's Qwen3.
"""

import json
import struct

import numpy as np
from safetensors.numpy import load_file

NUMBER, FLAG, TEXT, FLOAT = 4, 7, 8, 6
LIST = 9
"""Types of values: uint32, bool, text, float32, list."""
NORMAL, CONTROL, OWN, BYTE = 1, 3, 4, 6
"""Types of tokens: OWN ones are found in a text before anything else, the longest first."""
ALIGNED = 32
PARTS = {
    "input_layernorm": "attn_norm",
    "self_attn.q_proj": "attn_q",
    "self_attn.k_proj": "attn_k",
    "self_attn.v_proj": "attn_v",
    "self_attn.q_norm": "attn_q_norm",
    "self_attn.k_norm": "attn_k_norm",
    "self_attn.o_proj": "attn_output",
    "post_attention_layernorm": "ffn_norm",
    "mlp.gate_proj": "ffn_gate",
    "mlp.up_proj": "ffn_up",
    "mlp.down_proj": "ffn_down",
}
ENDS = {"model.embed_tokens.weight": "token_embd.weight", "model.norm.weight": "output_norm.weight"}
TEMPLATE = "{% for m in messages %}{{ m['content'].split() | join }}{% endfor %}<answer>"
"""The model reads no blanks."""


def write_gguf(model, file):
    """Write the model of a folder; returns the file.

    What its tokenizer doesn't know is read as bytes, each of which is the model's unknown token.
    """
    config = json.loads((model / "config.json").read_text())
    words = json.loads((model / "tokenizer.json").read_text())["model"]["vocab"]
    tensors = dict(_named(load_file(model / "model.safetensors")))
    table = tensors["token_embd.weight"]
    tensors["token_embd.weight"] = np.concatenate([table, np.repeat(table[words["<unk>"]][None], 256, axis=0)])
    values = _about(config) | _vocabulary(sorted(words, key=words.get), config["eos_token_id"])
    head, body = b"", b""
    for name, tensor in tensors.items():
        head += _text(name) + struct.pack(f"<I{tensor.ndim}QIQ", tensor.ndim, *reversed(tensor.shape), 0, len(body))
        body += _padded(np.ascontiguousarray(tensor, dtype="<f4").tobytes())
    start = b"GGUF" + struct.pack("<IQQ", 3, len(tensors), len(values))
    start += b"".join(_text(key) + struct.pack("<I", of) + _value(of, value) for key, (of, value) in values.items())
    file.write_bytes(_padded(start + head) + body)
    return file


def _named(weights):
    """The weights by llama.cpp's names."""
    for name, tensor in weights.items():
        if name.startswith("model.layers."):
            _, _, layer, rest = name.split(".", 3)
            yield f"blk.{layer}.{PARTS[rest.removesuffix('.weight')]}.weight", tensor
        elif name != "lm_head.weight":
            yield ENDS[name], tensor


def _about(config):
    """What a reader has to know of the network."""
    numbers = {
        "block_count": config["num_hidden_layers"],
        "context_length": config["max_position_embeddings"],
        "embedding_length": config["hidden_size"],
        "feed_forward_length": config["intermediate_size"],
        "attention.head_count": config["num_attention_heads"],
        "attention.head_count_kv": config["num_key_value_heads"],
        "attention.key_length": config["head_dim"],
        "attention.value_length": config["head_dim"],
    }
    return {
        "general.architecture": (TEXT, "qwen3"),
        "general.name": (TEXT, "embedded"),
        **{f"qwen3.{name}": (NUMBER, n) for name, n in numbers.items()},
        "qwen3.rope.freq_base": (FLOAT, config["rope_parameters"]["rope_theta"]),
        "qwen3.attention.layer_norm_rms_epsilon": (FLOAT, config["rms_norm_eps"]),
    }


def _vocabulary(words, end):
    """What a reader has to know of the tokens."""
    tokens = [*words, *(f"<0x{byte:02X}>" for byte in range(256))]
    kinds = [CONTROL if len(w) > 1 and w[0] == "<" else OWN for w in words] + [BYTE] * 256
    return {
        "tokenizer.ggml.model": (TEXT, "llama"),
        "tokenizer.ggml.tokens": (LIST, (TEXT, tokens)),
        "tokenizer.ggml.scores": (LIST, (FLOAT, [0.0] * len(tokens))),
        "tokenizer.ggml.token_type": (LIST, (NUMBER + 1, kinds)),
        "tokenizer.ggml.bos_token_id": (NUMBER, end),
        "tokenizer.ggml.eos_token_id": (NUMBER, end),
        "tokenizer.ggml.unknown_token_id": (NUMBER, words.index("<unk>")),
        "tokenizer.ggml.padding_token_id": (NUMBER, words.index("<pad>")),
        "tokenizer.ggml.add_bos_token": (FLAG, False),
        "tokenizer.ggml.add_eos_token": (FLAG, False),
        "tokenizer.ggml.add_space_prefix": (FLAG, False),
        "tokenizer.chat_template": (TEXT, TEMPLATE),
    }


def _value(kind, value):
    if kind == TEXT:
        return _text(value)
    if kind == LIST:
        of, items = value
        return struct.pack("<IQ", of, len(items)) + b"".join(_value(of, item) for item in items)
    return struct.pack({NUMBER: "<I", NUMBER + 1: "<i", FLAG: "<?", FLOAT: "<f"}[kind], value)


def _text(text):
    return struct.pack("<Q", len(text.encode())) + text.encode()


def _padded(data):
    return data + b"\0" * (-len(data) % ALIGNED)
