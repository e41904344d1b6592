"""Laws of the scrubber: no secret survives it anywhere, ordinary text does, and hostile text takes it no longer."""

import json
import string
import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fleawatch.catalog.labels import LABELS, bounded
from fleawatch.mnemonic import WORDS
from fleawatch.scrub import REDACTED, scrub, scrub_fields, scrub_tree, without_addresses
from fleawatch.testing.secrets import SECRETS, core, secrets

around = st.text(max_size=40)
GLUE = st.text(alphabet=string.punctuation + " \n\t", max_size=6)


@pytest.mark.parametrize("kind", SECRETS)
@given(data=st.data())
def test_no_secret_survives_in_any_place(kind, data):
    """Whatever stands before and after it."""
    secret = data.draw(SECRETS[kind])
    text = data.draw(around) + secret + data.draw(GLUE) + data.draw(around)
    assert core(secret) not in scrub(text)


@pytest.mark.parametrize("kind", [kind for kind in SECRETS if kind != "basic token"])
@given(data=st.data())
def test_no_secret_survives_glued_to_letters(kind, data):
    """Letters and digits that touch a secret do not hide it."""
    letters = st.text(alphabet=string.ascii_letters + string.digits, max_size=12)
    secret = data.draw(SECRETS[kind])
    assert core(secret) not in scrub(data.draw(letters) + secret + data.draw(letters))


@given(st.lists(secrets, min_size=1, max_size=4), GLUE)
def test_no_secret_hides_another(several, between):
    """Several in one text are all cut."""
    clean = scrub(f" {between} ".join(several))
    assert not [secret for secret in several if core(secret) in clean]


@given(
    st.recursive(
        secrets | around, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(around, inner, max_size=4)
    )
)
def test_no_secret_survives_in_a_document(document):
    """Wherever in it a text stands."""

    def texts(value):
        if isinstance(value, str):
            yield value
        elif isinstance(value, list):
            for one in value:
                yield from texts(one)
        elif isinstance(value, dict):
            for name, one in value.items():
                yield name
                yield from texts(one)

    assert all(scrub(text) == text for text in texts(scrub_tree(document)))


@given(secrets)
def test_no_secret_becomes_a_label(secret):
    """Of the labels that take free words, none takes a secret."""
    for label in LABELS:
        for text in (secret, core(secret)):
            assert scrub(text) == text or core(secret).lower() not in bounded(label, text).lower()


@given(around, secrets, around)
@example("password=", "Basic dXNlcjpwYXNz", "")
@example("Bearer ", "xoxb-123456789012-abc", "=1")
def test_doing_it_again_changes_nothing(before, secret, after):
    """What was scrubbed is clean, so that a line may pass several doors."""
    once = scrub(before + secret + after)
    assert scrub(once) == once


_PROSE = st.lists(
    st.sampled_from(
        (
            "the order of the agent was filled at 100.25 in BTC-USD;", "reading casino failed: TimeoutError,", "a basic check",
            "the bearer of bad news", "tokens: 1024", "max_tokens=4096", "key 3 of 12", "id 4bf92f3577b34da6a3ce929d0e0e4736",
            "sha256 9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08", "GET http://127.0.0.1:9712/api/v1/facts?limit=5",
            "esc_1", "2026-01-31T12:00:00.000Z", "password was refused", "[1, 2, 3]", "ratio 0.25", "agent-17/orders", "0x1f", "Ünïcode ✓",
        )
    ),
    max_size=12,
).map(" ".join)  # fmt: skip


@given(_PROSE)
def test_text_without_secrets_is_unchanged(text):
    """Prose, numbers, ids, digests and addresses stay as they are."""
    assert scrub(text) == text
    assert scrub_fields({"message": text}) == {"message": text}


def test_prose_of_words_of_phrases_is_unchanged():
    """Eleven words in a row are no phrase, nor are twelve that something else divides."""
    words = sorted(WORDS)[:24]
    eleven = " ".join(words[:11])
    assert scrub(eleven) == eleven
    divided = f"{eleven} of {eleven}"
    assert scrub(divided) == divided
    assert scrub(" ".join(words[:12])) == REDACTED
    assert scrub(f"the {' '.join(words[:12]).upper()}!") == f"the {REDACTED}!"


def test_a_phrase_word_by_word_and_a_key_byte_by_byte_are_cut():
    """Lists are looked at as a whole."""
    words = sorted(WORDS)[:12]
    assert scrub_tree({"a": words, "b": [7] * 64, "c": [7] * 63}) == {"a": REDACTED, "b": REDACTED, "c": [7] * 63}
    assert "7, 7" not in scrub(json.dumps([7] * 64))


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("api_key=abc123", f"api_key={REDACTED}"), ('{"password": "open sesame"}', f'{{"password": "{REDACTED}"}}'),
        ("password: hunter22", f"password: {REDACTED}"), ("GET /x?access_token=abcd&y=1", f"GET /x?access_token={REDACTED}&y=1"),
        ("GET /wallet?view_key=0a1b2c3d&x=1", f"GET /wallet?view_key={REDACTED}&x=1"), ("{'X-Api-Key': 'a1b2c3d4'}", f"{{'X-Api-Key': '{REDACTED}'}}"),
        ("Cookie: theme=dark; session=a1b2c3", f"Cookie: {REDACTED}"), ("{'cookie': 'a=1; b=2'}", f"{{'cookie': '{REDACTED}'}}"),
        (f"invalid private key {'a1' * 32}", f"invalid private key {REDACTED}"), (f"bad key: '{'a1' * 32}'", f"bad key: '{REDACTED}'"),
        ("sk-ant-api03-0123456789abcdef", REDACTED), ("glsa_0123456789abcdef0123_01234567", REDACTED), ("task-0123456789abcdef0123", "task-0123456789abcdef0123"),
        ("?token=abcd", f"?token={REDACTED}"), ("postgresql://u:p@ss@h/d", f"postgresql://{REDACTED}@h/d"),
    ],
)  # fmt: skip
def test_a_value_under_the_name_of_a_secret_is_cut(text, clean):
    """Also within a text."""
    assert scrub(text) == clean


def test_a_hash_under_its_name_stays():
    """A transaction's hash looks like a private key; its name says that it is public."""
    tx = "0x" + "ab" * 32
    assert scrub_fields({"tx_hash": tx, "note": tx}) == {"tx_hash": tx, "note": REDACTED}
    assert scrub_tree({"transaction_id": tx, "tx_hash": "sk_live_" + "a" * 60})["tx_hash"] == REDACTED


HOSTILE = (
    "sk_live_", "eyJ", "a.eyJ", "bearer ", "basic=", "://", "://a:", "a", "1", "0x", "[1,", "-----BEGIN ", "-----BEGIN PRIVATE KEY",
    "abandon ", "password=", "password:", 'password:"', "xoxb-", "token=", "1:", "1111111:", "_", " ", "K0", "hooks.slack.com/", "İ_",
    "cookie=", "cookie: a; ", "sk-", "glsa_", "key ", "key a b c ", "key: ", "\\n", "%0A", "\\u0061",
)  # fmt: skip


def best(text):
    """Seconds for `text`, the best of a few."""
    found = []
    for _ in range(3):
        begun = time.process_time()
        scrub(text)
        found.append(time.process_time() - begun)
    return min(found)


@pytest.mark.parametrize("piece", HOSTILE)
def test_hostile_text_takes_no_longer_than_its_length(piece):
    """A pattern that goes back over its text takes a thousand times longer for a text of 64 times the length."""
    short, long = piece * (2_000 // len(piece) + 1), piece * (128_000 // len(piece) + 1)
    assert best(long) < 64 * 8 * best(short) + 0.05


@pytest.mark.parametrize("prefix", ["", "password", "x" * 100_000 + "sk_live_"])
def test_a_long_run_ends(prefix):
    """Also where the mark of a secret stands at one end of it."""
    text = prefix + "-" * 100_000
    assert best(text) < 1.0


@settings(max_examples=50)
@given(st.binary(min_size=20, max_size=20), around)
def test_addresses_by_choice(data, text):
    """An address is kept, cut, or hashed alike wherever it stands; nothing else is touched."""
    address = "0x" + data.hex()
    line = f"paid to {address} at last"
    assert without_addresses(line, "keep") == line
    assert without_addresses(line, "cut") == "paid to [address] at last"
    hashed = without_addresses(line, "hash")
    assert address not in hashed
    assert hashed == without_addresses(f"paid to {address} at last", "hash")
    plain = "".join(one for one in text if not one.isalnum())
    assert without_addresses(plain, "cut") == plain


@pytest.mark.parametrize(
    "address",
    [
        "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4",
        "1A1zP1eP5QGefi2DMPTfTL5SLmv7DivfNa",
        "7xKXtg2CW87d97TXJSDpbD5jBkheTqA83TZRuJosgAsU",
    ],
)
def test_addresses_of_other_chains(address):
    """Bitcoin and Solana."""
    assert without_addresses(f"to {address}.", "cut") == "to [address]."
