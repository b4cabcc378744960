#include "proto/note/note.hpp"

#include <catch2/catch.hpp>

#include "proto/core/utf8.hpp"
#include "tests/support/seeded_rng.hpp"

using namespace culvert;
using note::Note;

namespace {

// golang.org/x/mod/sumdb/note, note_test.go: the key and note that C2SP's description uses as well.
constexpr std::string_view kPeterText =
    "If you think cryptography is the answer to your problem,\n"
    "then you don't know what your problem is.\n";
constexpr std::string_view kPeterLine =
    "— PeterNeumann "
    "x08go/ZJkuBS9UG/"
    "SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n";
constexpr std::string_view kPeterPublic = "ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW";
constexpr std::string_view kPeterSecret = "AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz";

std::string peter_note() { return std::string(kPeterText) + "\n" + std::string(kPeterLine); }

crypto::SigningKey peter_key() {
  const auto raw = from_base64(kPeterSecret).value();  // type byte, then the seed
  return crypto::SigningKey::from_seed(crypto::Secret32(ByteView(raw).subspan(1)));
}

Note parsed(std::string_view text) {
  auto out = note::parse(text);
  if (!out) FAIL(out.error().message);
  return *out;
}

struct Fixture {
  SeededRng rng{7};
  crypto::SigningKey alice = crypto::SigningKey::generate(rng);
  crypto::SigningKey bob = crypto::SigningKey::generate(rng);
  crypto::SigningKey eve = crypto::SigningKey::generate(rng);
  std::vector<note::KnownKey> known = {{"alice", alice.public_key()}, {"bob", bob.public_key()}};
  std::string text = "culvert/example/v1\nfield: value\n";

  Note signed_by(std::initializer_list<const crypto::SigningKey*> keys) {
    Note out{text, {}};
    for (const auto* key : keys) out.signatures.push_back(note::sign(text, "someone", *key));
    return out;
  }
};

}  // namespace

TEST_CASE("note: the published C2SP vector") {
  const auto raw = from_base64(kPeterPublic).value();
  CHECK(raw[0] == 1);  // Ed25519
  const auto key = crypto::VerifyKey::from(ByteView(raw).subspan(1)).value();
  CHECK(to_hex(note::key_id("PeterNeumann", key)) == "c74f20a3");

  const auto note = parsed(peter_note());
  CHECK(note.text == kPeterText);
  CHECK(note.signatures.size() == 1);
  CHECK(note.signatures[0].name == "PeterNeumann");
  CHECK(note::render(note) == peter_note());
  const note::KnownKey known{"PeterNeumann", key};
  const auto signers = note::verify(note, std::span(&known, 1));
  REQUIRE(signers);
  CHECK(*signers == std::vector{known});

  const auto secret = peter_key();
  CHECK(secret.public_key() == key);
  CHECK(note::render({std::string(kPeterText), {note::sign(kPeterText, "PeterNeumann", secret)}}) ==
        peter_note());
}

TEST_CASE("note: every way the envelope can be wrong") {
  const std::string text(kPeterText);
  const std::string line(kPeterLine);
  struct Row {
    const char* why;
    std::string note;
  };
  std::string late = line;
  late.insert(late.size() - 1, " ");
  std::string many = text + "\n";
  for (int i = 0; i < 33; ++i) many += line;
  const std::vector<Row> rows = {
      {"empty", ""},
      {"text alone", text},
      {"no signature line", text + "\n"},
      {"no empty line", text + line},
      {"two empty lines before the signatures", text + "\n\n" + line},
      {"empty line first", "\n" + text + "\n" + line},
      {"empty line in the text", "a\n\nb\n\n" + line},
      {"empty line after the signatures", text + "\n" + line + "\n"},
      {"empty line between signatures", text + "\n" + line + "\n" + line},
      {"last line feed missing", text + "\n" + line.substr(0, line.size() - 1)},
      {"carriage return", "a\r\n\n" + line},
      {"tab in the text", "a\tb\n\n" + line},
      {"zero byte in the text", std::string("a\0b\n\n", 5) + line},
      {"text is not UTF-8", "a\xff\n\n" + line},
      {"overlong UTF-8", "a\xc0\xaf\n\n" + line},
      {"surrogate", "a\xed\xa0\x80\n\n" + line},
      {"hyphen instead of the dash", text + "\n- PeterNeumann x08go/ZJ\n"},
      {"no name", text + "\n—  x08go/ZJ\n"},
      {"no signature", text + "\n— PeterNeumann\n"},
      {"plus in the name", text + "\n— Peter+Neumann x08go/ZJ\n"},
      {"name is not ASCII", text + "\n— Péter x08go/ZJ\n"},
      {"two spaces", text + "\n— PeterNeumann  x08go/ZJ\n"},
      {"trailing space", text + "\n" + late},
      {"key id only", text + "\n— PeterNeumann x08gow==\n"},
      {"base64 without padding", text + "\n— PeterNeumann x08go/ZJkg\n"},
      {"base64 with tail bits", text + "\n— PeterNeumann x08go/ZJkv==\n"},
      {"base64 of the other alphabet", text + "\n— PeterNeumann x08go_ZJ\n"},
      {"signature too long", text + "\n— PeterNeumann " + to_base64(Bytes(6200, 1)) + "\n"},
      {"33 signature lines", many},
      {"text over 256 KiB", std::string(262144, 'a') + "\n\n" + line},
  };
  for (const auto& row : rows) {
    INFO(row.why);
    const auto note = note::parse(row.note);
    REQUIRE_FALSE(note);
    CHECK(note.error().code == ErrorCode::kInvalid);
  }
  CHECK(note::parse(std::string(262143, 'a') + "\n\n" + line));  // exactly at the limit
  many.resize(many.size() - line.size());
  CHECK(note::parse(many));
}

TEST_CASE("note: lines of unknown types are skipped, up to 8 KiB each") {
  Fixture f;
  auto note = f.signed_by({&f.alice});
  // "\u2014 other " is 10 bytes; a multiple of three bytes needs no padding: 8,180 digits.
  note.signatures.push_back({"other", {1, 2, 3, 4}, Bytes(6131, 0xAB)});
  note.signatures.push_back({"post-quantum", {5, 6, 7, 8}, Bytes(2420, 0xCD)});  // ML-DSA-44
  const auto text = note::render(note);
  const auto parsed_note = parsed(text);
  CHECK(parsed_note == note);
  CHECK(note::render(parsed_note) == text);
  CHECK(note::verify(parsed_note, f.known)->size() == 1);
  CHECK(note::keep_known(parsed_note, f.known)->signatures.size() == 1);
  note.signatures[1].signature.push_back(1);
  CHECK_FALSE(note::parse(note::render(note)));
  // 32 of the longest lines and the longest text are one note.
  Note full{std::string(note::kMaxTextSize - 1, 'a') + "\n", {}};
  for (int i = 0; i < 32; ++i) full.signatures.push_back({"other", {1, 2, 3, 4}, Bytes(6131, 1)});
  CHECK(note::render(full).size() <= note::kMaxNoteSize);
  CHECK(note::parse(note::render(full)));
}

TEST_CASE("note: unknown signers are ignored, a bad one by a known key spoils the note") {
  Fixture f;
  const auto both = f.signed_by({&f.alice, &f.eve, &f.bob});
  const auto signers = note::verify(both, f.known);
  REQUIRE(signers);
  CHECK(*signers == f.known);
  CHECK(note::verify(f.signed_by({&f.eve}), f.known)->empty());

  auto bad = both;
  bad.signatures[2].signature[0] ^= 1U;
  CHECK(note::verify(bad, f.known).error().code == ErrorCode::kUnverified);
  bad = both;
  bad.signatures[1].signature[0] ^= 1U;  // eve's key is unknown, so her line does not matter
  CHECK(note::verify(bad, f.known)->size() == 2);
  bad = both;
  bad.signatures[0].signature.resize(63);
  CHECK_FALSE(note::verify(bad, f.known));
  bad = both;
  bad.text += "more: text\n";
  CHECK_FALSE(note::verify(bad, f.known));
}

TEST_CASE("note: two lines by one key are refused, also under two names") {
  Fixture f;
  CHECK_FALSE(note::verify(f.signed_by({&f.alice, &f.alice}), f.known));
  auto two_names = f.signed_by({&f.alice});
  two_names.signatures.push_back(note::sign(f.text, "bob", f.alice));
  CHECK_FALSE(note::verify(two_names, f.known));
}

TEST_CASE("note: names are hints, the configured key decides") {
  Fixture f;
  Note posing{f.text, {note::sign(f.text, "bob", f.eve)}};
  CHECK(note::verify(posing, f.known)->empty());
  // With the id of bob's key, too.
  posing.signatures[0].id = note::key_id("bob", f.bob.public_key());
  CHECK_FALSE(note::verify(posing, f.known));
  const Note renamed{f.text, {note::sign(f.text, "anything", f.bob)}};
  CHECK(note::verify(renamed, f.known)->at(0).name == "bob");
}

TEST_CASE("note: a key in two places of the list is one key") {
  Fixture f;
  f.known.push_back({"alice again", f.alice.public_key()});
  CHECK(note::verify(f.signed_by({&f.alice}), f.known)->size() == 1);
}

TEST_CASE("note: the hash covers the text only") {
  Fixture f;
  CHECK(note::hash(f.signed_by({&f.alice})) == note::hash(f.signed_by({&f.bob})));
  CHECK(note::hash(f.text).hex() != note::hash(f.text + "x\n").hex());
}

TEST_CASE("note: merging unites the lines of one text") {
  Fixture f;
  const auto ab = note::merge(f.signed_by({&f.alice}), f.signed_by({&f.bob, &f.alice}));
  REQUIRE(ab);
  CHECK(*ab == f.signed_by({&f.alice, &f.bob}));
  // A line of one key under a second name is not added: verify() would refuse both lines together.
  auto renamed = f.signed_by({&f.alice});
  renamed.signatures[0].name = "alicia";
  renamed.signatures[0].id = note::key_id("alicia", f.alice.public_key());
  CHECK(note::verify(renamed, f.known));
  CHECK(*note::merge(*ab, renamed) == *ab);
  auto other = f.signed_by({&f.alice});
  other.text = "other\n";
  CHECK(note::merge(*ab, other).error().code == ErrorCode::kConflict);
  Note full{f.text, {}};
  for (int i = 0; i < 32; ++i) {
    const auto key = crypto::SigningKey::generate(f.rng);
    full.signatures.push_back(note::sign(f.text, "x", key));
  }
  CHECK(note::merge(full, full));
  CHECK(note::merge(full, *ab).error().code == ErrorCode::kExhausted);
  const auto kept = note::keep_known(*note::merge(f.signed_by({&f.eve}), *ab), f.known);
  CHECK(*kept == *ab);
}

TEST_CASE("note: bundles") {
  Fixture f;
  const std::vector<Note> notes = {f.signed_by({&f.alice}), parsed(peter_note()),
                                   f.signed_by({&f.bob, &f.alice})};
  const auto text = note::render_bundle(notes);
  CHECK(*note::parse_bundle(text) == notes);
  CHECK(note::parse_bundle("")->empty());
  CHECK_FALSE(note::parse_bundle(text + "\n"));
  CHECK_FALSE(note::parse_bundle("\n" + text));
  CHECK_FALSE(note::parse_bundle(text + "\n" + f.text));
  CHECK_FALSE(note::parse_bundle(text.substr(0, text.size() - 1)));
  std::string many;
  for (int i = 0; i < 257; ++i) many += (many.empty() ? "" : "\n") + peter_note();
  CHECK_FALSE(note::parse_bundle(many));
}

TEST_CASE("note: any flipped bit is refused, or leaves the text and fewer signers") {
  Fixture f;
  const auto good = note::render(f.signed_by({&f.alice, &f.bob}));
  for (std::size_t i = 0; i < good.size() * 8; ++i) {
    auto bytes = good;
    bytes[i / 8] = static_cast<char>(static_cast<unsigned char>(bytes[i / 8]) ^ (1U << (i % 8)));
    const auto note = note::parse(bytes);
    if (!note) continue;
    CHECK(note::render(*note) == bytes);  // a parsed note renders to the same bytes
    const auto signers = note::verify(*note, f.known);
    if (!signers) continue;
    INFO("bit " << i);
    CHECK((note->text == f.text || signers->empty()));
    CHECK(signers->size() < 2);
  }
}

TEST_CASE("utf-8: code points") {
  std::string_view text = "a\xc3\xa9\xe2\x82\xac\xf0\x9f\x94\x91";
  for (const char32_t expected : {U'a', U'é', U'€', U'🔑'}) {
    CHECK(take_code_point(text) == expected);
  }
  CHECK(text.empty());
  for (const char* bad : {"\x80", "\xc3", "\xe2\x82", "\xf5\x80\x80\x80", "\xf0\x80\x80\x80",
                          "\xf4\x90\x80\x80", "\xed\xbf\xbf"}) {
    std::string_view rest = bad;
    CHECK_FALSE(take_code_point(rest));
  }
}
