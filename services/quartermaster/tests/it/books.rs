//! Tenants and keys on a data directory, and whose directory it is.

use std::path::Path;

use crate::program::{run, stdout_of, text};

fn migrated() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().to_str().unwrap();
    let said = stdout_of(["migrate", "--data-dir", dir]);
    assert!(said.ends_with("every schema is up to date"), "{said}");
    folder
}

#[test]
fn a_tenant_and_its_keys_are_created_listed_and_revoked() {
    let folder = migrated();
    let dir = folder.path().to_str().unwrap();
    let tenant = stdout_of(["tenants", "create", "acme", "--name", "Acme Ltd", "--data-dir", dir]);
    assert!(tenant.starts_with("tenant_"), "{tenant}");
    let listed = stdout_of(["tenants", "list", "--data-dir", dir]);
    assert!(listed.contains("acme") && listed.contains(&tenant) && listed.contains("Acme Ltd"), "{listed}");

    // The key alone, so that a script can catch it.
    let key = stdout_of(["keys", "create", "--tenant", "acme", "--name", "shop", "--data-dir", dir]);
    assert!(key.starts_with("qm_") && !key.contains(char::is_whitespace), "{key}");
    let scopes = "orders:read,orders:write";
    stdout_of([
        "keys",
        "create",
        "--tenant",
        "acme",
        "--name",
        "reader",
        "--scopes",
        scopes,
        "--data-dir",
        dir,
    ]);
    let listed = stdout_of(["keys", "list", "--tenant", "acme", "--data-dir", dir]);
    let line = |name: &str| listed.lines().find(|line| line.contains(name)).unwrap().to_owned();
    assert!(line("shop").contains("valid") && line("shop").ends_with("everything"), "{listed}");
    assert!(line("reader").ends_with(scopes), "{listed}");
    assert!(!listed.contains(&key), "the secret is shown once");

    let id = line("shop").split_whitespace().next().unwrap().to_owned();
    stdout_of(["keys", "revoke", "--tenant", "acme", &id, "--data-dir", dir]);
    let listed = stdout_of(["keys", "list", "--tenant", "acme", "--data-dir", dir]);
    let revoked = listed.lines().find(|line| line.starts_with(&id)).unwrap();
    assert!(revoked.contains("revoked"), "{listed}");
}

#[test]
fn what_cannot_be_done_with_tenants_and_keys_is_said_in_words() {
    let folder = migrated();
    let dir = folder.path().to_str().unwrap();
    stdout_of(["tenants", "create", "acme", "--name", "Acme", "--data-dir", dir]);
    for (arguments, expected) in [
        (&["tenants", "create", "acme", "--name", "Other"][..], "acme"),
        (&["tenants", "create", "Not A Slug", "--name", "Other"], "lower-case"),
        (&["keys", "create", "--tenant", "nobody", "--name", "shop"], "tenant"),
        (&["keys", "create", "--tenant", "acme", "--name", "shop", "--scopes", "moon:write"], "orders:read"),
        (&["keys", "revoke", "--tenant", "acme", "key_nonsense"], "key_nonsense"),
    ] {
        let output = run(arguments.iter().chain(&["--data-dir", dir]));
        let said = text(&output);
        assert!(!output.status.success() && said.contains(expected), "{arguments:?}: {said}");
        assert!(!said.contains("panicked"), "{said}");
    }
}

#[test]
fn a_directory_that_is_not_ours_or_not_there_is_refused_and_left_alone() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("holiday.jpg"), b"beach").unwrap();
    let dir = folder.path().to_str().unwrap();
    let missing = folder.path().join("missing");
    for (arguments, expected) in [
        (vec!["serve", "--listen", "127.0.0.1:0", "--data-dir", dir], "not a data directory"),
        (vec!["demo", "--port", "0", "--data-dir", dir], "not empty"),
        (vec!["tenants", "list", "--data-dir", dir], "not a data directory"),
        (vec!["tenants", "list", "--data-dir", missing.to_str().unwrap()], "does not exist"),
        (vec!["verify", "--data-dir", dir], "not a data directory"),
    ] {
        let output = run(&arguments);
        let said = text(&output);
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {said}");
        assert!(said.contains(expected), "{arguments:?}: {said}");
    }
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().map(|it| it.unwrap().file_name()).collect();
    assert_eq!(left, ["holiday.jpg"]);
    assert!(!Path::new(&missing).exists());
}
