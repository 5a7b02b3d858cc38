//! The box from outside: a process of its own for each question.

use std::{
    env,
    ffi::OsString,
    fmt,
    io::{self, Write},
    net::SocketAddr,
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::{Arc, mpsc},
    thread,
    time::{Duration, Instant},
};

use bitcoin::hex::FromHex as _;
use narthex_arbiter::{Answer, Question, Report, Silent};
use narthex_base::codec::Message as _;
use narthex_disk as disk;
use narthex_game_model::params::Params;

use super::cell::{CellLimits, Probed, machine};

/// Most bytes of an answer in hexadecimal: a report is some hundred, and as much again for each piece that is refused.
const MAX_ANSWER_BYTES: u64 = 16 << 20;
/// Of a program that judges: itself, a compiler for native code, and the memory that a seal takes.
const BASE_BYTES: u64 = 768 << 20;
/// Seconds for reading, deriving the contract, and the seal.
const BASE_SECONDS: u64 = 120;
/// Most seconds of a step, whatever parameters allow: a day.
const MOST_SECONDS: u128 = 86_400;

/// How an arbiter judges: by a process of its own for each question, without network and files, with bounds.
#[derive(Clone, Debug)]
pub struct JudgeBox {
    program: PathBuf,
    args: Vec<OsString>,
    limits: Option<(CellLimits, Duration)>,
    watch: Option<Watch>,
}

/// What is done with how long a question took, and with what came of it.
type Watching = dyn Fn(Duration, &Result<Report, Silent>) + Send + Sync;

/// Who is told that.
#[derive(Clone)]
struct Watch(Arc<Watching>);

impl fmt::Debug for Watch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Watch")
    }
}

impl JudgeBox {
    /// By this command, to which the limits are given as `--memory-bytes N --cpu-seconds N`.
    pub fn new(program: impl Into<PathBuf>, args: &[&str]) -> JudgeBox {
        JudgeBox {
            program: program.into(),
            args: args.iter().map(OsString::from).collect(),
            limits: None,
            watch: None,
        }
    }

    /// By the program that runs, with these arguments in front.
    ///
    /// # Errors
    /// [`io::Error`]: the system does not say which it is.
    pub fn of_this_program(args: &[&str]) -> io::Result<JudgeBox> {
        Ok(JudgeBox::new(env::current_exe()?, args))
    }

    /// With these limits, whatever the question: of the process, and of the time that is waited for it.
    #[must_use]
    pub fn within(self, limits: CellLimits, wall: Duration) -> JudgeBox {
        let limits = Some((limits, wall));
        JudgeBox { limits, ..self }
    }

    /// Which tells how long each question took, from start to end of its process, and what came of it.
    #[must_use]
    pub fn watched(
        self,
        watch: impl Fn(Duration, &Result<Report, Silent>) + Send + Sync + 'static,
    ) -> JudgeBox {
        let watch = Some(Watch(Arc::new(watch)));
        JudgeBox { watch, ..self }
    }

    fn start(&self, limits: CellLimits, more: &[OsString]) -> io::Result<Child> {
        Command::new(&self.program)
            .args(&self.args)
            .arg("--memory-bytes")
            .arg(limits.memory_bytes.to_string())
            .arg("--cpu-seconds")
            .arg(limits.cpu_seconds.to_string())
            .args(more)
            .env_clear()
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
    }

    /// What a child prints, if it ends in time; and how it ended. It is fed beside, and killed whatever it does.
    fn asked(mut child: Child, input: Vec<u8>, wall: Duration) -> Result<Vec<u8>, String> {
        if let Some(mut stdin) = child.stdin.take() {
            // A child that reads nothing is killed, and this thread ends by it.
            thread::spawn(move || {
                let _ = stdin.write_all(&input);
            });
        }
        let (told, heard) = mpsc::channel();
        if let Some(stdout) = child.stdout.take() {
            thread::spawn(move || {
                let read = disk::bounded(stdout, MAX_ANSWER_BYTES);
                let _ = told.send(read);
            });
        }
        let heard = heard.recv_timeout(wall);
        // It has closed its output, or has had its time. One that has ended is not killed by it.
        let _ = child.kill();
        let ended = child.wait().map_err(|error| error.to_string())?;
        match heard {
            Err(_) => Err(format!("it did not answer in {} s", wall.as_secs())),
            Ok(Err(error)) => Err(format!("its answer cannot be read: {error}")),
            Ok(Ok(None)) => Err(format!("it said more than {MAX_ANSWER_BYTES} bytes")),
            Ok(Ok(Some(bytes))) if bytes.is_empty() => {
                Err(format!("it said nothing, and ended by {ended}"))
            }
            Ok(Ok(Some(bytes))) => Ok(bytes),
        }
    }

    /// Asks. A child that dies, hangs, prints nonsense or needs too much has ruled on nothing: that is a limit of this machine, and no verdict.
    ///
    /// # Errors
    /// [`Silent`].
    pub fn judge(&self, question: &Question) -> Result<Report, Silent> {
        let start = Instant::now();
        let found = self.put(question);
        if let Some(Watch(watch)) = &self.watch {
            watch(start.elapsed(), &found);
        }
        found
    }

    fn put(&self, question: &Question) -> Result<Report, Silent> {
        let bytes = question.to_bytes();
        let (limits, wall) = match self.limits {
            Some(limits) => limits,
            None => limits_of(question.dossier.terms().params(), bytes.len() as u64),
        };
        let child = self.start(limits, &[]);
        let child = child.map_err(|e| machine(format_args!("the judge does not start: {e}")))?;
        let no = |why: &dyn std::fmt::Display| machine(format_args!("the judge in its box: {why}"));
        let said = Self::asked(child, bytes, wall).map_err(|why| no(&why))?;
        let said = std::str::from_utf8(&said).map_err(|why| no(&why))?;
        let said = Vec::from_hex(said.trim_end()).map_err(|why| no(&why))?;
        let answer = Answer::from_bytes(&said).map_err(|why| no(&why))?;
        match answer.question == question.id() {
            true => answer.found,
            false => Err(no(&"it has answered another question")),
        }
    }

    /// Starts one that tries to get out, and says how far it came.
    ///
    /// # Errors
    /// In words: it did not start, or told nothing.
    pub fn probe(&self, listener: Option<SocketAddr>) -> Result<Probed, String> {
        let (limits, wall) = self.limits.unwrap_or((
            CellLimits {
                memory_bytes: BASE_BYTES,
                cpu_seconds: BASE_SECONDS,
            },
            Duration::from_secs(BASE_SECONDS),
        ));
        let mut more = vec![OsString::from("--probe")];
        if let Some(listener) = listener {
            more.extend([OsString::from("--listener"), listener.to_string().into()]);
        }
        let child = self.start(limits, &more).map_err(|e| e.to_string())?;
        let said = Self::asked(child, Vec::new(), wall)?;
        serde_json::from_slice(&said).map_err(|e| e.to_string())
    }
}

/// What a question may take, by the bounds that its contract puts on the job: two engines, each a whole step.
fn limits_of(params: &Params, question_bytes: u64) -> (CellLimits, Duration) {
    let bounds = params.job_bounds();
    let step = bounds.step_fuel() / u128::from(bounds.fuel_per_second.max(1));
    let step = u64::try_from(step.min(MOST_SECONDS)).unwrap_or(u64::MAX);
    let cpu_seconds = step.saturating_mul(2).saturating_add(BASE_SECONDS);
    // What is read is held as bytes, as what it says, and as bytes again.
    let memory_bytes = question_bytes
        .saturating_mul(4)
        .saturating_add(bounds.memory_bytes.saturating_mul(4))
        .saturating_add(BASE_BYTES);
    let limits = CellLimits {
        memory_bytes,
        cpu_seconds,
    };
    // Another process may have the processors meanwhile.
    let wall = Duration::from_secs(cpu_seconds.saturating_mul(4));
    (limits, wall)
}
