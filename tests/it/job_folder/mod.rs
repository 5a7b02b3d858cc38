//! A directory to try `narthex job` in, with the real binary.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Output},
};

use serde_json::Value;
use tempfile::TempDir;

pub(crate) struct JobFolder(TempDir);

impl JobFolder {
    pub(crate) fn new() -> Self {
        Self(tempfile::tempdir().unwrap())
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    pub(crate) fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_narthex"));
        command.arg("job").args(args).current_dir(self.0.path());
        command
    }

    pub(crate) fn try_run(&self, args: &[&str]) -> Output {
        self.command(args).output().unwrap()
    }

    /// Standard output of a command that must succeed.
    pub(crate) fn run(&self, args: &[&str]) -> String {
        let output = self.try_run(args);
        let error = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.success(), "{args:?}: {error}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// Its JSON lines.
    pub(crate) fn json(&self, args: &[&str]) -> Vec<Value> {
        let text = self.run(&[args, &["--json"]].concat());
        text.lines()
            .map(|l| serde_json::from_str(l).unwrap())
            .collect()
    }

    /// What a command says that must fail, in one line and without a panic.
    pub(crate) fn fails(&self, args: &[&str]) -> String {
        let output = self.try_run(args);
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{args:?}: {error}");
        assert_eq!(error.trim().lines().count(), 1, "{error}");
        error
    }

    pub(crate) fn example(&self, kind: &str) {
        let text = self.run(&["example", kind]);
        fs::write(self.path(&format!("{kind}.json")), text).unwrap();
    }

    pub(crate) fn write(&self, name: &str, value: &Value) {
        fs::write(self.path(name), value.to_string()).unwrap();
    }

    /// Roots of record of a directory, made with the secrets of another where there is one.
    pub(crate) fn commitments(&self, state: &str, secrets_of: Option<&str>) -> Vec<Value> {
        for stage in 0.. {
            let name = format!("secrets-{stage}.json");
            let from = secrets_of.map(|other| self.path(other).join(&name));
            match from.filter(|from| from.exists()) {
                Some(from) => fs::copy(from, self.path(state).join(&name)).unwrap(),
                None => break,
            };
        }
        let lines = self.json(&["commit", "--state", state]);
        lines
            .iter()
            .map(|line| line["commitment"].clone())
            .collect()
    }
}
