"""Captions: words to codes, and what is missing or was never seen."""

import json

import numpy as np
import pytest
import torch

from vaekit.domains import Context
from vaekit.domains.captions import LearnedWords, PretrainedWords, captions_of, words_of
from vaekit.domains.context import several_captions
from vaekit.errors import DataError, FormatError, NotFittedError, SpecError
from vaekit.images import read_captions
from vaekit.networks import LearnedTextReader, PretrainedTextReader
from vaekit.networks.context import pretrained_text
from vaekit.spec import build, describe

TEXTS = ["a red hat", "a blue hat, and a scarf", "a green cap", "the red scarf"] * 3


@pytest.fixture(scope="module")
def words():
    return LearnedWords(num_merges=20).fit(TEXTS)


def test_merges_never_cross_words(words):
    assert not any(" " in part for part in words.parts)
    (alone,) = words.split(["hat"])
    (both,) = words.split(["red hat"])
    assert both[-len(alone) :] == alone


def test_case_and_forms_of_the_same_sign_are_one(words):
    assert words.split(["A RED hat"]) == words.split(["a red  ｈａｔ"])
    assert words_of("It's 🙂!") == ["it", "'", "s", "🙂", "!"]


def test_signs_that_training_never_had_have_one_code(words):
    assert words.split(["шапка"]) == [[1] * 5]
    assert words.split(["帽"]) == words.split(["🙂"]) == [[1]]


def test_an_empty_caption_tells_nothing(words):
    assert (words.prepare(["", "  "]) == 0).all()
    reader = words.reader(0.1).eval()
    empty, untold = reader(words.prepare([""])), reader(torch.full((1, words.length), torch.nan))
    assert torch.equal(empty.vector, untold.vector)


def test_very_long_captions_are_cut_and_counted(words):
    with pytest.warns(UserWarning, match=r"2 of 3 captions have more than \d+ words"):
        rows = words.prepare(["hat " * 200, "red " * 99, "hat"])
    assert rows.shape == (3, words.length)


def test_captions_must_have_words():
    with pytest.raises(DataError, match="captions must have words; all are empty"):
        LearnedWords().fit(["", " "])
    with pytest.raises(NotFittedError, match="learnt nothing"):
        LearnedWords().prepare(["a"])


def test_words_are_stored_and_come_back(words):
    again = build(json.loads(json.dumps(describe(words))))
    assert torch.equal(again.prepare(TEXTS), words.prepare(TEXTS))
    context = Context(captions=words, dropout=0.1)
    stored = build(json.loads(json.dumps(describe(context))))
    assert stored.dim == words.length
    damaged = Context(captions=LearnedWords(length=0), dropout=0.1)
    with pytest.raises(FormatError, match="parts must be given"):
        damaged.check_stored("domain.json: context", torch.nn.Identity())


def test_several_captions_of_an_item_and_none():
    context = Context(captions=LearnedWords(), dropout=0.1).fit([["a", "a b"], None, "b"])
    rows = context.prepare_all([["a", "a b"], None, "b"])
    assert rows.shape[:2] == (3, 2)
    assert (rows[1] == 0).all()
    assert torch.equal(rows[2, 0], rows[2, 1])
    assert torch.equal(context.prepare([["a", "a b"], None, "b"]), rows[:, 0])


@pytest.mark.parametrize(
    ("raw", "message"),
    [
        ([1, 2], "captions must be texts, or lists of them; got 1 in row 0"),
        ([], "captions must be one for each item; got none"),
        ({"a": ["x"], "b": ["y"]}, "captions must be one column of texts; got 2"),
    ],
)
def test_what_is_no_caption_is_refused(raw, message):
    with pytest.raises(DataError, match=message):
        several_captions(raw)


def test_a_context_may_be_left_out_where_some_of_it_was_left_untold():
    context = Context(dropout=0.2).fit(["a", "b"])
    assert context.missing(3).isnan().all()
    with pytest.raises(DataError, match=r"pass context= with labels \['a', 'b'\]"):
        Context().fit(["a", "b"]).missing(3)


def test_a_text_is_learned_or_named():
    assert isinstance(captions_of("learned"), LearnedWords)
    assert captions_of("wordllama") == PretrainedWords("wordllama")
    with pytest.raises(SpecError, match="text must be 'learned'"):
        captions_of("")
    with pytest.raises(SpecError, match="source of words"):
        PretrainedWords("wordlama").fit(["a hat"])


def test_words_that_mean_the_same_lie_near_each_other():
    source = pretrained_text("wordllama")
    codes = torch.zeros(3, 4, dtype=torch.long)
    for row, text in zip(codes, ["smile", "grin", "street"], strict=True):
        (found,) = source.codes([text])
        row[: len(found)] = torch.tensor(found)
    smile, grin, street = source.vectors(codes)[:, 0]
    assert torch.cosine_similarity(smile, grin, 0) > 0.3
    assert torch.cosine_similarity(smile, street, 0) < 0.2


def test_pieces_of_a_word_have_its_vector():
    source = pretrained_text("wordllama")
    (codes,) = source.codes(["a grin"])
    assert len(codes) == 3
    vectors = source.vectors(torch.tensor([codes]))[0]
    assert torch.equal(vectors[1], vectors[2])
    assert not torch.equal(vectors[0], vectors[1])


@pytest.mark.parametrize(
    "reader",
    [
        LearnedTextReader(9, 4, width=32, layers=1),
        PretrainedTextReader("wordllama", 4, 256, width=32, layers=1),
    ],
    ids=["learned", "wordllama"],
)
def test_readers_are_told_words_and_not_what_pads_them(reader):
    reader = reader.eval()
    rows = torch.tensor([[5.0, 6.0, 0.0, 0.0], [6.0, 5.0, 0.0, 0.0]])
    told = reader(rows)
    assert told.sequence.shape == (2, 5, 32)
    assert told.there.tolist() == [[True, True, True, False, False]] * 2
    assert not torch.allclose(told.vector[0], told.vector[1])  # the order counts
    fresh = reader.fresh().eval()
    assert not torch.equal(fresh(rows).vector, told.vector)
    assert {name: p.shape for name, p in fresh.named_parameters()} == {
        name: p.shape for name, p in reader.named_parameters()
    }


def test_a_transformer_in_a_folder_reads_captions(tmp_path):
    import transformers

    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "red", "hat"]
    (tmp_path / "vocab.txt").write_text("\n".join(words))
    transformers.BertTokenizerFast(vocab_file=str(tmp_path / "vocab.txt")).save_pretrained(tmp_path)
    config = transformers.BertConfig(
        vocab_size=len(words),
        hidden_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        intermediate_size=32,
    )
    transformers.BertModel(config).save_pretrained(tmp_path)
    captions = PretrainedWords(str(tmp_path)).fit(["a red hat", "a hat"])
    reader = captions.reader(0.1).eval()
    vectors = reader(captions.prepare(["a red hat", "a hat", ""])).vector
    assert vectors.isfinite().all()
    assert not torch.allclose(vectors[0], vectors[1])


def picture(path, shade):
    from PIL import Image

    path.parent.mkdir(exist_ok=True, parents=True)
    Image.fromarray(np.full((8, 8, 3), shade, np.uint8)).save(path)


def test_captions_stand_beside_images_or_in_metadata(tmp_path):
    for place, name in enumerate(["a.png", "in/b.png", "c.png"]):
        picture(tmp_path / name, place)
    (tmp_path / "a.txt").write_text("a hat\n\none hat\n", encoding="utf-8")
    (tmp_path / "metadata.csv").write_text("file_name,text\nin/b.png,a cap\nc.png,\n")
    with pytest.warns(UserWarning, match=r"1 of 3 images have no caption .*: c\.png\."):
        assert read_captions(tmp_path) == [["a hat", "one hat"], [], ["a cap"]]
    (tmp_path / "c.txt").write_text("a scarf")
    (tmp_path / "d.txt").write_text("a coat")
    with pytest.warns(UserWarning, match=r"1 captions are of images that are not in .*: d\.txt\."):
        assert read_captions(tmp_path)[1] == ["a scarf"]


def test_folders_without_captions_and_damaged_ones_are_refused(tmp_path):
    picture(tmp_path / "a.png", 3)
    with pytest.raises(DataError, match="must have captions: a text file beside each"):
        read_captions(tmp_path)
    (tmp_path / "a.txt").write_bytes(b"caf\xe9")
    with pytest.raises(DataError, match=r"captions must be text in UTF-8; .*a\.txt is none"):
        read_captions(tmp_path)
