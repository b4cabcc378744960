#include "proto/note/note.hpp"

#include <algorithm>

#include "proto/core/utf8.hpp"
#include "proto/crypto/hash.hpp"
#include "proto/note/passkey.hpp"

namespace culvert::note {
namespace {

constexpr std::string_view kDash = "\xE2\x80\x94 ";  // U+2014 and a space
constexpr std::uint8_t kEd25519Type = 0x01;
constexpr std::uint8_t kOtherType = 0xff;  // followed by the name of the algorithm
constexpr std::string_view kPasskeyAlgorithm = "culvert passkey v1";

tl::unexpected<Error> invalid(const char* why) {
  return fail(ErrorCode::kInvalid, std::string("note: ") + why);
}

// The line without its line feed; the caller has checked that there is one.
std::string_view take_line(std::string_view& rest) {
  const auto end = rest.find('\n');
  const auto line = rest.substr(0, end);
  rest.remove_prefix(end + 1);
  return line;
}

Result<SignatureLine> parse_line(std::string_view line) {
  if (line.size() > kMaxLineSize) return invalid("a signature line is too long");
  if (!line.starts_with(kDash))
    return invalid("a signature line must start with U+2014 and a space");
  line.remove_prefix(kDash.size());
  const auto space = line.find(' ');
  if (space == std::string_view::npos)
    return invalid("a signature line must hold a name and base64");
  SignatureLine out;
  out.name = std::string(line.substr(0, space));
  if (!valid_name(out.name)) return invalid("bad signer name");
  const auto raw = from_base64(line.substr(space + 1));
  if (!raw) return invalid("signature is not canonical base64");
  if (raw->size() <= out.id.size()) return invalid("signature has a wrong length");
  std::copy_n(raw->begin(), out.id.size(), out.id.begin());
  out.signature.assign(raw->begin() + 4, raw->end());
  return out;
}

Result<std::vector<SignatureLine>> parse_lines(std::string_view rest) {
  if (rest.empty() || rest.back() != '\n') return invalid("signature lines are missing or cut off");
  std::vector<SignatureLine> out;
  while (!rest.empty()) {
    if (out.size() == kMaxSignatures) return invalid("too many signature lines");
    auto line = parse_line(take_line(rest));
    if (!line) return fail_with(line.error());
    out.push_back(std::move(*line));
  }
  return out;
}

// The known key that the line names by its key id; null: none.
const KnownKey* claimed_key(const SignatureLine& line, std::span<const KnownKey> known) {
  const auto match = std::find_if(known.begin(), known.end(), [&](const KnownKey& candidate) {
    return key_id(line.name, candidate.key) == line.id;
  });
  return match == known.end() ? nullptr : &*match;
}

bool good(const SignatureLine& line, const crypto::PublicKey& key, std::string_view text) {
  if (key.passkey() != nullptr) return verify_passkey(*key.passkey(), text, line.signature);
  const auto signature = crypto::Signature::from(line.signature);
  return signature && crypto::verify(*key.ed25519(), view(text), *signature);
}

// For each line, the key that made the line. Null for the line of an unknown key and for each
// further line of the same passkey.
Result<std::vector<const KnownKey*>> signers(const Note& note, std::span<const KnownKey> known) {
  std::vector<const KnownKey*> out;
  for (const auto& line : note.signatures) {
    const auto* key = claimed_key(line, known);
    if (key != nullptr) {
      if (!good(line, key->key, note.text)) {
        return fail(ErrorCode::kUnverified, "note: bad signature by " + key->name);
      }
      const bool twice = std::any_of(out.begin(), out.end(), [&](const KnownKey* other) {
        return other != nullptr && other->key == key->key;
      });
      if (twice && key->key.passkey() == nullptr) {
        return fail(ErrorCode::kUnverified, "note: two signatures by " + key->name);
      }
      if (twice) key = nullptr;
    }
    out.push_back(key);
  }
  return out;
}

}  // namespace

Status check_text(std::string_view text, std::size_t most) {
  if (text.size() > most) return invalid("text is too long");
  if (text.empty() || text.back() != '\n') return invalid("text must end in a line feed");
  if (text.front() == '\n' || text.find("\n\n") != std::string_view::npos) {
    return invalid("text holds an empty line");
  }
  while (!text.empty()) {
    const auto point = take_code_point(text);
    if (!point) return invalid("text is not UTF-8");
    if ((*point < 0x20 && *point != '\n') || *point == 0x7F) {
      return invalid("text holds a control character");
    }
  }
  return {};
}

bool valid_name(std::string_view name) {
  return !name.empty() && name.size() <= kMaxNameSize &&
         std::all_of(name.begin(), name.end(),
                     [](char c) { return c > ' ' && c <= '~' && c != '+'; });
}

Result<Note> parse(std::string_view note) {
  if (note.size() > kMaxNoteSize) return invalid("too long");
  const auto split = note.find("\n\n");
  if (split == std::string_view::npos) return invalid("no empty line before the signatures");
  const auto text = note.substr(0, split + 1);
  if (auto status = check_text(text); !status) return fail_with(status.error());
  auto lines = parse_lines(note.substr(split + 2));
  if (!lines) return fail_with(lines.error());
  return Note{std::string(text), std::move(*lines)};
}

std::string render(const Note& note) {
  std::string out = note.text + "\n";
  for (const auto& line : note.signatures) {
    Bytes raw(line.id.begin(), line.id.end());
    append(raw, line.signature);
    out.append(kDash).append(line.name).append(" ").append(to_base64(raw)).append("\n");
  }
  return out;
}

Result<std::vector<Note>> parse_bundle(std::string_view bundle) {
  std::vector<Note> out;
  while (!bundle.empty()) {
    if (out.size() == kMaxBundleNotes) return invalid("too many notes in one bundle");
    const auto text_end = bundle.find("\n\n");
    if (text_end == std::string_view::npos) return invalid("no empty line before the signatures");
    const auto note_end = bundle.find("\n\n", text_end + 2);
    const bool last = note_end == std::string_view::npos;
    auto note = parse(last ? bundle : bundle.substr(0, note_end + 1));
    if (!note) return fail_with(note.error());
    out.push_back(std::move(*note));
    bundle.remove_prefix(last ? bundle.size() : note_end + 2);
    if (!last && bundle.empty()) return invalid("a bundle ends in an empty line");
  }
  return out;
}

std::string render_bundle(std::span<const Note> notes) {
  std::string out;
  for (const auto& note : notes) {
    if (!out.empty()) out += "\n";
    out += render(note);
  }
  return out;
}

KeyId key_id(std::string_view name, const crypto::PublicKey& key) {
  Bytes infix = {'\n', kEd25519Type};
  if (key.passkey() != nullptr) {
    infix.back() = kOtherType;
    append(infix, view(kPasskeyAlgorithm));
  }
  const auto raw = key.passkey() != nullptr ? key.passkey()->view() : key.ed25519()->view();
  const auto digest = crypto::sha256({view(name), infix, raw});
  KeyId out{};
  std::copy_n(digest.bytes.begin(), out.size(), out.begin());
  return out;
}

SignatureLine sign(std::string_view text, std::string_view name, const crypto::SigningKey& key) {
  return {std::string(name), key_id(name, key.public_key()), to_bytes(key.sign(view(text)).view())};
}

Result<std::vector<KnownKey>> verify(const Note& note, std::span<const KnownKey> known) {
  const auto keys = signers(note, known);
  if (!keys) return fail_with(keys.error());
  std::vector<KnownKey> out;
  for (const auto* key : *keys) {
    if (key != nullptr) out.push_back(*key);
  }
  return out;
}

Result<Note> keep_known(const Note& note, std::span<const KnownKey> known) {
  const auto keys = signers(note, known);
  if (!keys) return fail_with(keys.error());
  Note out{note.text, {}};
  for (std::size_t i = 0; i < keys->size(); ++i) {
    if ((*keys)[i] != nullptr) out.signatures.push_back(note.signatures[i]);
  }
  return out;
}

Result<Note> merge(const Note& a, const Note& b) {
  if (a.text != b.text) return fail(ErrorCode::kConflict, "note: merging two different texts");
  Note out = a;
  for (const auto& line : b.signatures) {
    // Lines with the same signature are the same, whatever their names: an Ed25519 key has one
    // signature for one text (RFC 8032 is deterministic). Keeping the second name would make two
    // lines by one key, which verify() refuses.
    const bool held = std::any_of(out.signatures.begin(), out.signatures.end(),
                                  [&](const auto& x) { return x.signature == line.signature; });
    if (!held) out.signatures.push_back(line);
  }
  if (out.signatures.size() > kMaxSignatures) {
    return fail(ErrorCode::kExhausted, "note: more than 32 signature lines");
  }
  return out;
}

crypto::Hash hash(std::string_view text) { return crypto::sha256(view(text)); }

}  // namespace culvert::note
