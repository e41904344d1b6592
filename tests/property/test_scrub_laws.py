"""Laws of the scrubber: no secret survives it anywhere, ordinary text does, and hostile text takes it no longer."""

import json
import string
import time
from urllib.parse import quote, quote_plus, unquote, unquote_plus

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from fleawatch.catalog.labels import LABELS, bounded
from fleawatch.mnemonic import WORDS
from fleawatch.scrub import REDACTED, scrub, scrub_fields, scrub_tree, scrub_within, without_addresses
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


def _every_sign(text):
    """Percent-encoded as by those who encode whatever is no letter and no digit."""
    return "".join(one if one.isalnum() else "".join(f"%{byte:02x}" for byte in one.encode()) for one in text)


WIRE = {
    "percent": (lambda text: quote(text, safe=""), unquote),
    "percent, every sign": (_every_sign, unquote),
    "percent, twice": (lambda text: quote(_every_sign(text), safe=""), lambda text: unquote(unquote(text))),
    "form": (quote_plus, unquote_plus),
    "JSON": (lambda text: json.dumps(text)[1:-1], lambda text: text.replace('\\"', '"').replace("\\n", "\n")),
    "JSON in JSON": (lambda text: json.dumps(json.dumps(text))[1:-1], lambda text: text.replace("\\", "")),
    "Python": (repr, lambda text: text.replace("\\n", "\n")),
}
"""How a secret is written on a line, and how it is read from there."""


@pytest.mark.parametrize("form", WIRE)
@pytest.mark.parametrize("kind", SECRETS)
@given(data=st.data())
@settings(max_examples=30)
def test_no_secret_survives_in_any_form(kind, form, data):
    """Whatever reads the line finds none, as it stands or decoded."""
    write, read = WIRE[form]
    secret = data.draw(SECRETS[kind])
    before, after = (data.draw(st.text(alphabet=string.ascii_letters + " =,{[(", max_size=12)) for _ in range(2))
    clean = scrub(f"{before} {write(secret)} {after}")
    assert core(secret) not in clean
    assert core(secret) not in read(clean)


@pytest.mark.parametrize("kind", SECRETS)
@given(data=st.data())
@settings(max_examples=30)
def test_a_secret_that_a_cut_would_tear_is_not_begun(kind, data):
    """Wherever the cut and the end of what is looked at fall, not even its beginning is left."""
    secret = data.draw(SECRETS[kind])
    longest = data.draw(st.sampled_from((50, 400)))
    filler = "the order was filled, "
    start = data.draw(st.one_of(st.integers(0, longest), st.integers(longest + 4_096 - 300, longest + 4_096)))
    text = f"{(filler * 300)[:start]} {secret} {filler * data.draw(st.sampled_from((0, 300)))}"
    clean = scrub_within(text, longest)
    assert len(clean) <= longest
    assert core(secret)[:10] not in clean


@given(st.text(max_size=200), st.integers(0, 250))
def test_a_short_text_is_scrubbed_and_cut(text, longest):
    """As the two do one after the other."""
    assert scrub_within(text, longest) == scrub(text)[:longest]


def test_a_secret_without_end_leaves_what_stands_before_it():
    """It is longer than what is looked at, and known by how it begins."""
    assert scrub_within("refused: sk_live_" + "a" * 200_000, 1_000) == f"refused: {REDACTED}"
    assert scrub_within("the order was filled " * 10_000, 1_000) == ("the order was filled " * 100)[:1_000]


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
             "sort_key=newest&limit=5", "monkey=banana&x=1", "GET /v1/orders?signals=5&keys=3", "mail bob.smith@example.com", "mailto:bob7@example.com", "a:b@c",
            "to: alice@example.com", "from:alice@example.com", "me:you@example.com", "at 12:30:45 @bob", "image:1.2@sha256:9f86d081884c7d659a2feaa0c55ad015",
            "npm:react@18.2.0/umd", "100%", "5%20of", "%41%zz", "q=a%20b%26c", "https://h/%7Euser/x%2Fy?q=%22fills%22", "in Asia and Akiak", "ghp_short", "asia-east1",
            "esc_1", "2026-01-31T12:00:00.000Z", "password was refused", "[1, 2, 3]", "ratio 0.25", "agent-17/orders", "0x1f", "Ünïcode ✓",
            "swap token=USDC for 5", "?token=WETH&side=buy", "bid_token=USDC", "paid_token: stETH-2024",
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
        ("?key=abcd&x=1", f"?key={REDACTED}&x=1"), ("/v1?x=1&signature=0a1b#top", f"/v1?x=1&signature={REDACTED}#top"), ("key=abcd&limit=5", f"key={REDACTED}&limit=5"),
        ("?x=1&amp;sig=abcd", f"?x=1&amp;sig={REDACTED}"), ("?x=1\\u0026key=abcd", f"?x=1\\u0026key={REDACTED}"), ("key=abcd", "key=abcd"), ("pwd=hunter2", f"pwd={REDACTED}"),
        ("passwd=hunter2&a=1", f"passwd={REDACTED}&a=1"), ("redis me:hunter2@localhost:6379", f"redis me:{REDACTED}@localhost:6379"),
        (":hunter2@localhost:6379", f":{REDACTED}@localhost:6379"), ("me:secret@db/x", "me:secret@db/x"), ("me:hunter2@db.example.com.", f"me:{REDACTED}@db.example.com."),
        ("me:p@ss:w0rd@10.0.0.1:5432/x", f"me:{REDACTED}@10.0.0.1:5432/x"), ("AKIAIOSFODNN7EXAMPLE", REDACTED), ("pf%5Flive%5Fabcdef", REDACTED),
        ("GET /x?next=https%3A%2F%2Fh%3Fapi_key%3Dabcd1234&y=1", f"GET /x?{REDACTED}&y=1"), (r'{\"password\": \"open sesame\"}', r'{\"password\": \"' + REDACTED + '"}'),
        ("a%25252525252541", REDACTED),
        ("?token=abcd", f"?token={REDACTED}"), ("token=ABCDEFGHIJ", f"token={REDACTED}"), ("token=ABCD-1234", f"token={REDACTED}"),
        ("userIdToken=abcd", f"userIdToken={REDACTED}"), ("postgresql://u:p@ss@h/d", f"postgresql://{REDACTED}@h/d"),
    ],
)  # fmt: skip
def test_a_value_under_the_name_of_a_secret_is_cut(text, clean):
    """Also within a text."""
    assert scrub(text) == clean


def test_a_pair_of_a_name_and_a_secret_is_cut():
    """Headers are lists of pairs, also of bytes; other pairs stay."""
    headers = [
        ("X-Api-Key", "a1b2c3d4"),
        ["b'authorization'", "b'whatever'"],
        ("accept", "text/plain"),
        ["buy", "password"],
    ]
    assert scrub_tree(headers) == [
        ["X-Api-Key", REDACTED],
        ["b'authorization'", REDACTED],
        ["accept", "text/plain"],
        ["buy", "password"],
    ]
    assert scrub_tree(["the password was refused", "twice"]) == ["the password was refused", "twice"]


def test_a_hash_under_its_name_stays():
    """A transaction's hash looks like a private key; its name says that it is public."""
    tx = "0x" + "ab" * 32
    assert scrub_fields({"tx_hash": tx, "note": tx}) == {"tx_hash": tx, "note": REDACTED}
    assert scrub_tree({"transaction_id": tx, "tx_hash": "sk_live_" + "a" * 60})["tx_hash"] == REDACTED


HOSTILE = (
    "sk_live_", "eyJ", "a.eyJ", "bearer ", "basic=", "://", "://a:", "a", "1", "0x", "[1,", "-----BEGIN ", "-----BEGIN PRIVATE KEY",
    "abandon ", "password=", "password:", 'password:"', "xoxb-", "token=", "1:", "1111111:", "_", " ", "K0", "hooks.slack.com/", "İ_",
    "?key=", "key=a&", "&", "a:", "a:b@", "@", ":@", "a:a@b.", "%41", "%25", "%", "%2", "akia", "AKIA", "ghp_", "?", "pwd=", "a-", "\\", '\\"',
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


@pytest.mark.parametrize("piece", [":@", "key=a&", "a:b@", "%41 key=", "password=%25", "\\"])
def test_a_megabyte_of_anything_comes_back(piece):
    """By itself and scrubbed again: what takes time with the square of the length would not."""
    clean = scrub(piece * (1_000_000 // len(piece)))
    assert scrub(clean) == clean


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
