#include "agent/cli/people/keyfile.hpp"

#include <array>

#include "proto/runtime/disk/files.hpp"
#include "proto/trust/statements/sign.hpp"

namespace culvert::cli {
namespace {

constexpr std::string_view kType = "culvert/key/v1";
constexpr std::array<std::string_view, 5> kFields = {"root", "pin", "group", "person", "secret"};

constexpr const char* kWhichKey = "; key files come from culvert vendor init and culvert site init";

std::string_view root_word(trust::RootKind kind) {
  return kind == trust::RootKind::kSite ? "site" : "vendor";
}

// The values of the five lines, in order; nothing when a line is missing, extra or misnamed.
std::optional<std::array<std::string_view, kFields.size()>> split(std::string_view text) {
  std::array<std::string_view, kFields.size()> values;
  if (!text.starts_with(kType) || !text.substr(kType.size()).starts_with("\n")) return std::nullopt;
  text.remove_prefix(kType.size() + 1);
  for (std::size_t i = 0; i < kFields.size(); ++i) {
    const auto end = text.find('\n');
    const auto line = text.substr(0, end);
    if (end == std::string_view::npos || !line.starts_with(kFields[i]) ||
        !line.substr(kFields[i].size()).starts_with(": ")) {
      return std::nullopt;
    }
    values[i] = line.substr(kFields[i].size() + 2);
    text.remove_prefix(end + 1);
  }
  return text.empty() ? std::optional(values) : std::nullopt;
}

}  // namespace

trust::Pins KeyFile::pins() const {
  trust::Pins out;
  (root == trust::RootKind::kSite ? out.site_root : out.vendor_genesis) = pin;
  return out;
}

Result<KeyFile> read_key(const std::filesystem::path& path) {
  auto bytes = runtime::read_file(path.string(), 4096);
  if (!bytes) return fail(bytes.error().code, bytes.error().message + kWhichKey);
  const auto bad = [&](std::string_view what) {
    crypto::wipe(*bytes);
    return fail(ErrorCode::kInvalid,
                path.string() + " is not a key file: " + std::string(what) + kWhichKey);
  };
  const auto fields = split(text(*bytes));
  if (!fields) return bad("expected the lines of culvert/key/v1");
  const auto& [root, pin_text, group, person_text, secret_text] = *fields;
  if (root != "site" && root != "vendor") return bad("root is site or vendor");
  const auto pin = trust::parse_hash(pin_text);
  const auto person = trust::Person::parse(person_text);
  auto seed = from_hex(secret_text);
  if (!pin || !person || !seed || seed->size() != 32) return bad("a malformed field");
  KeyFile key{root == "site" ? trust::RootKind::kSite : trust::RootKind::kVendor, *pin,
              std::string(group), *person, crypto::SigningKey::from_seed(crypto::Secret32(*seed))};
  crypto::wipe(*seed);
  crypto::wipe(*bytes);
  return key;
}

Status write_key(const std::filesystem::path& path, const KeyFile& key) {
  std::string text(kType);
  text += "\nroot: " + std::string(root_word(key.root));
  text += "\npin: " + trust::format_hash(key.pin.view());
  text += "\ngroup: " + key.group;
  text += "\nperson: " + key.person.str();
  text += "\nsecret: " + to_hex(key.key.seed().reveal()) + "\n";
  auto written = runtime::write_secret_file(path.string(), view(text));
  crypto::wipe({reinterpret_cast<std::uint8_t*>(text.data()), text.size()});
  return written;
}

Status check_group(const KeyFile& key, std::initializer_list<trust::Group> may) {
  std::string wanted;
  for (const auto group : may) {
    if (key.group == trust::group_name(group)) return {};
    wanted += (wanted.empty() ? "" : " or ") + std::string(trust::group_name(group));
  }
  return fail(ErrorCode::kDenied, "a key of the group " + key.group +
                                      " cannot do this: use one of " + wanted + " with --key");
}

Result<std::vector<note::Note>> read_bundle(const std::filesystem::path& path) {
  const auto bytes = runtime::read_file(path.string());
  if (!bytes) return fail_with(bytes.error());
  auto notes = note::parse_bundle(text(*bytes));
  if (!notes) {
    return fail(ErrorCode::kInvalid,
                path.string() + " is not a bundle of notes: " + notes.error().message);
  }
  if (notes->empty()) return fail(ErrorCode::kInvalid, path.string() + " is empty");
  return notes;
}

Status write_bundle(const std::filesystem::path& path, const std::vector<note::Note>& notes) {
  return runtime::write_file_atomic(path.string(), view(note::render_bundle(notes)));
}

Result<trust::Evidence> read_evidence(const std::filesystem::path& folder, const trust::Pins& pins,
                                      Now now) {
  trust::Evidence evidence(pins, {});
  std::vector<note::Note> all;
  for (const char* name : {kSiteBundle, kVendorBundle, kRevocationsBundle}) {
    if (!std::filesystem::exists(folder / name)) continue;
    auto notes = read_bundle(folder / name);
    if (!notes) return fail_with(notes.error());
    all.insert(all.end(), notes->begin(), notes->end());
  }
  const auto results = evidence.offer_all(now, all);
  for (std::size_t i = 0; i < results.size(); ++i) {
    if (results[i] || results[i].error().code == ErrorCode::kStale) continue;
    const auto kind = trust::kind_of(all[i].text);
    const bool spare = kind == trust::Kind::kPolicy || kind == trust::Kind::kPlaces ||
                       kind == trust::Kind::kRevocation;
    if (spare && results[i].error().code == ErrorCode::kUnverified) continue;
    return fail(results[i].error().code,
                "a note in " + folder.string() + " does not verify: " + results[i].error().message);
  }
  return evidence;
}

Status make_key_folder(const std::filesystem::path& folder, const char* first_file) {
  if (std::filesystem::exists(folder / first_file)) {
    return fail(ErrorCode::kConflict, folder.string() + " already holds keys (" + first_file +
                                          "); choose another folder with --dir");
  }
  return runtime::make_private_folder(folder.string());
}

}  // namespace culvert::cli
