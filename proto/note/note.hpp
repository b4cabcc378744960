// Signed notes: the envelope of every security statement (C2SP signed-note, Ed25519 keys).
//
//   <text: one or more lines, none of them empty>
//   <empty line>
//   — <name> base64(<key id, 4 bytes> ‖ <signature>)        one or more such lines
//
// The dash is U+2014 and one space. The signature covers only the text, its last line feed
// included. Key id = first four bytes of SHA-256(name ‖ 0x0A ‖ 0x01 ‖ public key) for Ed25519
// (type 1), of SHA-256(name ‖ 0x0A ‖ 0xff ‖ "culvert passkey v1" ‖ point) for a passkey
// (passkey.hpp). Lines of any other type are skipped; type 0x06 (ML-DSA-44) is reserved for
// checkpoints. Key ids and names only help to find a key: the whole configured key verifies.
// Strict: render(parse(x)) == x.
// Source: https://c2sp.org/signed-note. A bundle is several notes with one empty line between them.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "proto/core/bytes.hpp"
#include "proto/core/result.hpp"
#include "proto/crypto/public_key.hpp"

namespace culvert::note {

constexpr std::size_t kMaxTextSize =
    256 * 1024;  // most types allow less: proto/trust/statements/fields.hpp
constexpr std::size_t kMaxSignatures = 32;
constexpr std::size_t kMaxNameSize = 255;
constexpr std::size_t kMaxLineSize = 8 * 1024;  // a signature line of any type, without its LF
constexpr std::size_t kMaxNoteSize = kMaxTextSize + 1 + kMaxSignatures * (kMaxLineSize + 1);
constexpr std::size_t kMaxBundleNotes = 256;

using KeyId = std::array<std::uint8_t, 4>;

struct SignatureLine {
  std::string name;  // printable ASCII without space and '+'
  KeyId id{};
  Bytes signature;  // 64 bytes for Ed25519; for a passkey see passkey.hpp; other types never count

  friend bool operator==(const SignatureLine&, const SignatureLine&) = default;
};

struct Note {
  std::string text;  // ends in a line feed, holds no empty line
  std::vector<SignatureLine> signatures;

  friend bool operator==(const Note&, const Note&) = default;
};

Result<Note> parse(std::string_view note);  // errors: kInvalid
std::string render(const Note& note);

Result<std::vector<Note>> parse_bundle(std::string_view bundle);  // empty input: no notes
std::string render_bundle(std::span<const Note> notes);

KeyId key_id(std::string_view name, const crypto::PublicKey& key);
bool valid_name(std::string_view name);
// UTF-8, ends in a line feed, no empty line, no control character, at most `most` bytes.
Status check_text(std::string_view text, std::size_t most = kMaxTextSize);

// Signs `text`. `name` must be a valid_name(); it only tells a reader whose key signed.
SignatureLine sign(std::string_view text, std::string_view name, const crypto::SigningKey& key);

struct KnownKey {
  std::string name;  // the owner, as configured; lines may bear another name
  crypto::PublicKey key;

  friend bool operator==(const KnownKey&, const KnownKey&) = default;
};

// The keys of `known` that signed the note, each once, in the order of the lines. Lines of unknown
// keys are ignored. A bad signature by a known key, or two lines by one Ed25519 key, make the whole
// note kUnverified. Several good lines by one passkey count as one signature.
Result<std::vector<KnownKey>> verify(const Note& note, std::span<const KnownKey> known);

// The note with only the lines that a known key made, and only the first line of each passkey.
// kUnverified in the cases of verify().
Result<Note> keep_known(const Note& note, std::span<const KnownKey> known);

// The union of the lines of two notes with the same text; kConflict where the texts differ,
// kExhausted past kMaxSignatures. The lines of `a` come first, then those of `b` that `a` lacks.
Result<Note> merge(const Note& a, const Note& b);

// The hash that identifies a statement: SHA-256 of its text, without its signature lines.
crypto::Hash hash(std::string_view text);
inline crypto::Hash hash(const Note& note) { return hash(note.text); }

}  // namespace culvert::note
