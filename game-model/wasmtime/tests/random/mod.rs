//! Random programs of the interface, as text: integers, memory, control flow, calls. Each choice is read from a list of
//! bytes, so that a failing list can be shrunk.

use std::fmt::Write;

/// A program that ends with 64 bytes from address 0.
pub(crate) fn program(choices: &[u8]) -> String {
    let mut source = Generator {
        choices,
        next: 0,
        loops: 0,
    };
    let helper = source.statements(3);
    let other = source.statements(3);
    let step = source.statements(12);
    let locals = "(local $a i32) (local $b i32) (local $c i64) (local $d i64) \
                  (local $i0 i32) (local $i1 i32) (local $i2 i32) (local $i3 i32)";
    format!(
        "(module (memory (export \"memory\") 1) (global (export \"input\") i32 (i32.const 64)) \
         (global $g (mut i64) (i64.const 5)) (table 3 funcref) (elem (i32.const 0) $helper $other) \
         (type $t (func (param i32) (result i32))) \
         (data (i32.const 1000) \"some bytes to begin with\") (data $passive \"and to copy\") \
         (func $helper (param $depth i32) (result i32) {locals} {helper} (local.get $a)) \
         (func $other (param $depth i32) (result i32) {locals} {other} (local.get $b)) \
         (func (export \"step\") (param $depth i32) (result i64) {locals} \
           (local.set $depth (i32.const 6)) {step} \
           (i64.store (i32.const 0) (global.get $g)) (i64.store (i32.const 8) (local.get $c)) \
           (i32.store (i32.const 16) (local.get $a)) (i64.const 64)))"
    )
}

struct Generator<'a> {
    choices: &'a [u8],
    next: usize,
    loops: usize,
}

const UNARY: [&str; 5] = ["clz", "ctz", "popcnt", "extend8_s", "extend16_s"];
const BINARY: [&str; 12] = [
    "add", "sub", "mul", "and", "or", "xor", "shl", "shr_s", "shr_u", "rotl", "rotr", "add",
];
const DIVIDE: [&str; 4] = ["div_s", "div_u", "rem_s", "rem_u"];
const COMPARE: [&str; 6] = ["eq", "ne", "lt_s", "lt_u", "gt_s", "ge_u"];
const CONSTANTS: [i64; 8] = [0, 1, -1, 2, 7, 1_000, i32::MIN as i64, i32::MAX as i64];

impl Generator<'_> {
    /// A number below `below`; 0 when the list is used up, so that programs end.
    fn choose(&mut self, below: usize) -> usize {
        let choice = self.choices.get(self.next).copied().unwrap_or(0);
        self.next += 1;
        usize::from(choice) % below
    }

    fn pick(&mut self, list: &[&'static str]) -> &'static str {
        list[self.choose(list.len())]
    }

    fn statements(&mut self, most: usize) -> String {
        let count = self.choose(most + 1);
        (0..count).map(|_| self.statement(3)).collect()
    }

    fn statement(&mut self, depth: usize) -> String {
        let leaf = depth == 0 || self.next >= self.choices.len();
        match self.choose(if leaf { 6 } else { 15 }) {
            0 => format!("(local.set $a {})", self.i32(depth)),
            1 => format!("(local.set $b {})", self.i32(depth)),
            2 => format!("(local.set $c {})", self.i64(depth)),
            3 => format!("(global.set $g {})", self.i64(depth)),
            4 => format!("(i64.store {} {})", self.address(depth), self.i64(depth)),
            5 => format!("(i32.store8 {} {})", self.address(depth), self.i32(depth)),
            6 => {
                let (condition, then) = (self.i32(depth - 1), self.nested(depth));
                let otherwise = self.nested(depth);
                format!("(if {condition} (then {then}) (else {otherwise}))")
            }
            7 => format!("(if {} (then {}))", self.i32(depth - 1), self.nested(depth)),
            8 | 9 => self.counted_loop(depth),
            10 => {
                let (inside, condition) = (self.nested(depth), self.i32(depth - 1));
                let after = self.nested(depth);
                format!("(block {inside} (br_if 0 {condition}) {after})")
            }
            11 => {
                let (index, inside) = (self.i32(depth - 1), self.nested(depth));
                let between = self.nested(depth);
                format!("(block (block {inside} (br_table 0 1 0 {index})) {between})")
            }
            12 => format!("(local.set $b {})", self.call(depth - 1)),
            13 => self.bulk(depth - 1),
            _ => {
                let (condition, value) = (self.i32(depth - 1), self.i64(depth - 1));
                format!(
                    "(local.set $d (if (result i64) {condition} (then {value}) (else (local.get $c))))"
                )
            }
        }
    }

    fn nested(&mut self, depth: usize) -> String {
        let count = self.choose(4);
        (0..count).map(|_| self.statement(depth - 1)).collect()
    }

    fn counted_loop(&mut self, depth: usize) -> String {
        let (counter, turns) = (self.loops % 4, self.choose(30));
        self.loops += 1;
        let (body, early) = (self.nested(depth), self.nested(depth));
        let condition = self.i32(0);
        format!(
            "(local.set $i{counter} (i32.const 0)) (loop $l \
             (local.set $i{counter} (i32.add (local.get $i{counter}) (i32.const 1))) {body} \
             (if (i32.lt_u (local.get $i{counter}) (i32.const {turns})) \
               (then (br_if $l {condition}) {early} (br $l))))"
        )
    }

    /// A call that ends: its depth is counted down.
    fn call(&mut self, depth: usize) -> String {
        let index = self.choose(8);
        let call = match index {
            0..4 => "(call $helper (i32.sub (local.get $depth) (i32.const 1)))".to_owned(),
            4..6 => "(call $other (i32.sub (local.get $depth) (i32.const 1)))".to_owned(),
            // The last slot of the table is empty.
            index => format!(
                "(call_indirect (type $t) (i32.sub (local.get $depth) (i32.const 1)) (i32.const {}))",
                if index == 6 {
                    self.choose(2)
                } else {
                    self.choose(4)
                }
            ),
        };
        let otherwise = self.i32(depth);
        format!(
            "(if (result i32) (i32.gt_s (local.get $depth) (i32.const 0)) (then {call}) (else {otherwise}))"
        )
    }

    fn bulk(&mut self, depth: usize) -> String {
        let size = self.choose(2_000);
        match self.choose(6) {
            0 | 1 => format!(
                "(memory.fill {} {} (i32.const {size}))",
                self.address(depth),
                self.i32(depth)
            ),
            2 | 3 => format!(
                "(memory.copy {} {} (i32.const {size}))",
                self.address(depth),
                self.address(depth)
            ),
            4 => "(memory.init $passive (i32.const 300) (i32.const 2) (i32.const 5))".into(),
            _ => format!(
                "(local.set $a (memory.grow (i32.const {})))",
                self.choose(2)
            ),
        }
    }

    /// Mostly inside the memory.
    fn address(&mut self, depth: usize) -> String {
        let value = self.i32(depth.saturating_sub(1));
        match self.choose(20) {
            0 => value,
            _ => format!("(i32.and {value} (i32.const 0x7fff))"),
        }
    }

    fn i32(&mut self, depth: usize) -> String {
        let leaf = depth == 0 || self.next >= self.choices.len();
        match self.choose(if leaf { 4 } else { 12 }) {
            0 => "(local.get $a)".into(),
            1 => "(local.get $b)".into(),
            2 => format!("(i32.const {})", CONSTANTS[self.choose(8)] as i32),
            3 => "(i32.load8_u (i32.const 64))".into(),
            4 => format!("(i32.{} {})", self.pick(&UNARY), self.i32(depth - 1)),
            5 | 6 => self.two("i32", &BINARY, depth),
            7 => self.two("i32", &COMPARE, depth),
            8 => self.two("i32", &DIVIDE, depth),
            9 => format!("(i32.load {})", self.address(depth - 1)),
            10 => format!("(i32.wrap_i64 {})", self.i64(depth - 1)),
            _ => format!(
                "(select {} {} {})",
                self.i32(depth - 1),
                self.i32(depth - 1),
                self.i32(depth - 1)
            ),
        }
    }

    fn i64(&mut self, depth: usize) -> String {
        let leaf = depth == 0 || self.next >= self.choices.len();
        match self.choose(if leaf { 3 } else { 9 }) {
            0 => "(local.get $c)".into(),
            1 => "(global.get $g)".into(),
            2 => format!("(i64.const {})", CONSTANTS[self.choose(8)]),
            3 => format!("(i64.{} {})", self.pick(&UNARY), self.i64(depth - 1)),
            4 | 5 => {
                let (op, a) = (self.pick(&BINARY), self.i64(depth - 1));
                format!("(i64.{op} {a} {})", self.i64(depth - 1))
            }
            6 => {
                let (op, a) = (self.pick(&DIVIDE), self.i64(depth - 1));
                format!("(i64.{op} {a} {})", self.i64(depth - 1))
            }
            7 => format!("(i64.load16_s {})", self.address(depth - 1)),
            _ => format!("(i64.extend_i32_s {})", self.i32(depth - 1)),
        }
    }

    fn two(&mut self, ty: &str, ops: &[&'static str], depth: usize) -> String {
        let (op, a) = (self.pick(ops), self.i32(depth - 1));
        let b = self.i32(depth - 1);
        let mut text = String::new();
        // Writing to a string cannot fail.
        let _ = write!(text, "({ty}.{op} {a} {b})");
        text
    }
}
