// `culvert site fresh`: signs that these are the newest documents of the site now. The statement
// goes to the coordinator or to a file, and from there to the site's agents.
#include <filesystem>

#include "agent/cli/people/session.hpp"
#include "agent/cli/show/output.hpp"
#include "agent/cli/site/commands.hpp"
#include "proto/runtime/disk/files.hpp"
#include "proto/runtime/disk/notes_folder.hpp"
#include "proto/trust/register/limits.hpp"
#include "proto/trust/statements/sign.hpp"

namespace culvert::cli {
namespace {

void learn_folder(trust::Evidence& evidence, const std::string& folder, Now now) {
  std::vector<note::Note> notes;
  for (const auto& file : runtime::read_notes_folder(folder)) {
    auto parsed = file.text ? note::parse_bundle(*file.text) : fail_with(file.text.error());
    if (!parsed) {
      hint("culvert: " + file.name + ": " + printable(parsed.error().message));
      continue;
    }
    notes.insert(notes.end(), parsed->begin(), parsed->end());
  }
  (void)evidence.offer_all(now, notes);
}

Result<note::Note> sign_new(const trust::SiteRef& site, const trust::KnownDocuments& known,
                            const KeyFile& key, WallTime now) {
  trust::Fresh fresh;
  fresh.site = site;
  fresh.site_root = known.site_root;
  fresh.policy = known.policy;
  fresh.issued = now;
  return trust::sign_statement(fresh, trust::Signer{key.person.str(), key.key});
}

// Adds this approver's signature to the file of an earlier approver, if the file names the
// documents that this approver knows as newest.
Result<note::Note> co_sign(const std::string& path, const trust::SiteRef& site,
                           const trust::KnownDocuments& known, const KeyFile& key, WallTime now) {
  const auto bytes = runtime::read_file(path, note::kMaxNoteSize);
  if (!bytes) return fail_with(bytes.error());
  auto note = note::parse(text(*bytes));
  if (!note) return fail(ErrorCode::kInvalid, path + ": " + note.error().message);
  const auto fresh = trust::Fresh::parse(note->text);
  if (!fresh) return fail(ErrorCode::kInvalid, path + ": " + fresh.error().message);
  if (fresh->site != site || fresh->site_root != known.site_root || fresh->policy != known.policy) {
    return fail(ErrorCode::kConflict,
                path + " names other documents than are known here (site root " +
                    std::to_string(known.site_root.number) + ", policy " +
                    std::to_string(known.policy.number) + "); next: use a new file with --out");
  }
  if (fresh->issued > now + trust::kIssuedSkew) {
    return fail(ErrorCode::kStale, path + " is issued in the future; check the clocks");
  }
  print("signing what stands in " + path + ", issued " + format_time(fresh->issued));
  return trust::add_signature(std::move(*note), {key.person.str(), key.key});
}

// True: an earlier approver has written `path`, and this key's line is missing. False for a lease
// key, which signs alone, and for an approver who has signed already and so wants a newer
// statement.
bool waits_for(const KeyFile& key, const std::string& path) {
  if (key.group != trust::group_name(trust::Group::kApprovers)) return false;
  if (!std::filesystem::exists(path)) return false;
  const auto bytes = runtime::read_file(path, note::kMaxNoteSize);
  const auto note = bytes ? note::parse(text(*bytes)) : fail_with(bytes.error());
  if (!note) return true;  // co_sign() reports what is wrong
  const note::KnownKey own{key.person.str(), key.key.public_key()};
  const auto signers = note::verify(*note, std::span(&own, 1));
  return signers && signers->empty();
}

}  // namespace

Status site_fresh(const ByKey& by, const SiteFresh& options) {
  const auto key = read_key(by.key_file);
  if (!key) return fail_with(key.error());
  if (auto ok = check_group(*key, {trust::Group::kLease, trust::Group::kApprovers}); !ok) return ok;
  if (key->root != trust::RootKind::kSite) {
    return fail(ErrorCode::kDenied, "only keys of the customer say what is fresh");
  }
  const bool sends = options.out.empty() || !by.coordinator.empty();
  std::unique_ptr<Session> session;
  const auto folder = std::filesystem::absolute(by.key_file).parent_path();
  const auto now = runtime::read_clocks();
  auto evidence = read_evidence(folder, key->pins(), now);
  if (!evidence) return fail_with(evidence.error());
  if (sends) {  // the coordinator may know newer documents
    auto opened = Session::open(by);
    if (!opened) return fail_with(opened.error());
    session = std::move(*opened);
    if (auto listed = session->list(control::ListWhat::kNodes); !listed) {
      return fail_with(listed.error());
    }
  }
  auto& known_by = session ? session->evidence() : *evidence;
  if (!options.documents.empty()) learn_folder(known_by, options.documents, now);
  const auto id = trust::to_site_id(key->pin);
  const auto* policy = known_by.policy(id);
  if (policy == nullptr) {
    return fail(ErrorCode::kNotFound, "no policy of the site is known; put a newer " +
                                          std::string(kSiteBundle) + " beside " + by.key_file);
  }
  const auto site = policy->site;
  const auto known = known_by.documents(id);
  const bool adds = !options.out.empty() && waits_for(*key, options.out);
  const auto note = adds ? co_sign(options.out, site, known, *key, now.wall)
                         : sign_new(site, known, *key, now.wall);
  if (!note) return fail_with(note.error());
  print("fresh: site root " + std::to_string(known.site_root.number) + ", policy " +
        std::to_string(known.policy.number) + " of " + site.name.str());
  if (!options.out.empty()) {
    const auto written = runtime::write_file_atomic(options.out, view(note::render(*note)));
    if (!written) return written;
    print("written to " + options.out + " with " + std::to_string(note->signatures.size()) +
          (note->signatures.size() == 1 ? " signature" : " signatures"));
  }
  if (!session) return {};
  if (auto sent = session->put(*note); !sent) return fail_with(sent.error());
  print(green("sent") + " to the coordinator");
  return {};
}

}  // namespace culvert::cli
