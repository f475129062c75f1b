"""A real sentence-transformers model of random weights, small enough to build in a test."""

import pytest

WORDS = ("sum", "prove", "apple", "number", "of", "the", "is", "what", "code", "poem", "true", "false", "plus", "times")


def tiny_embedder(folder, dimension=16, seed=0):
    """Save a two-layer BERT with a WordPiece vocabulary in a folder; returns the folder as text."""
    pytest.importorskip("sentence_transformers", reason="needs the extra zeta-eval[embedding]")
    import torch
    from sentence_transformers import SentenceTransformer
    from transformers import BertConfig, BertModel, BertTokenizerFast

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    characters = [chr(c) for c in range(33, 127)]
    vocabulary = [*special, *characters, *(f"##{c}" for c in characters), *WORDS]
    bert = folder / "bert"
    bert.mkdir(parents=True)
    (bert / "vocab.txt").write_text("\n".join(vocabulary) + "\n", encoding="utf-8")
    BertTokenizerFast(vocab=str(bert / "vocab.txt")).save_pretrained(bert)
    torch.manual_seed(seed)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=dimension,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=32,
        max_position_embeddings=64,
    )
    network = BertModel(config)
    with torch.no_grad():  # words weigh more than their places, so that texts differ by their words
        network.embeddings.word_embeddings.weight.normal_()
    network.save_pretrained(bert)
    # Of a plain transformers model it makes one that takes the mean over tokens.
    SentenceTransformer(str(bert), device="cpu").save(str(folder / "model"), create_model_card=False)
    return str(folder / "model")
