;; The classifier of nearest.wat, cut into units: one unit compares the image with one labelled row.
;;
;; Memory as there; the three nearest so far, the trace and the row to come are in the exported globals, so
;; that a state holds all there is.
(module
  (memory (export "memory") 3 3)
  (global (export "input") i32 (i32.const 131072))
  (global $row (export "row") (mut i32) (i32.const 4))
  (global $d1 (export "d1") (mut i32) (i32.const 0x7fffffff))
  (global $d2 (export "d2") (mut i32) (i32.const 0x7fffffff))
  (global $d3 (export "d3") (mut i32) (i32.const 0x7fffffff))
  (global $l1 (export "l1") (mut i32) (i32.const 0))
  (global $l2 (export "l2") (mut i32) (i32.const 0))
  (global $l3 (export "l3") (mut i32) (i32.const 0))
  (global $trace (export "trace") (mut i32) (i32.const 0x811c9dc5))

  (func (export "begin") (param $length i32)
    (if (i32.ne (local.get $length) (i32.const 64)) (then (unreachable))))

  ;; As there: given up where it is too large anyway, since the trace has what the comparison came to.
  (func $distance (result i32)
    (local $pixel i32) (local $sum i32) (local $gap i32)
    (loop $pixels
      (local.set $gap
        (i32.sub
          (i32.load8_u (i32.add (global.get $row) (local.get $pixel)))
          (i32.load8_u (i32.add (i32.const 131072) (local.get $pixel)))))
      (local.set $sum
        (i32.add (local.get $sum) (i32.mul (local.get $gap) (local.get $gap))))
      (local.set $pixel (i32.add (local.get $pixel) (i32.const 1)))
      (br_if $pixels (i32.and (local.get $pixel) (i32.const 7)))
      (if (i32.ge_s (local.get $sum) (global.get $d3))
        (then (return (local.get $sum))))
      (br_if $pixels (i32.lt_u (local.get $pixel) (i32.const 64))))
    (local.get $sum))

  (func (export "unit") (result i32)
    (local $d i32) (local $label i32)
    (local.set $d (call $distance))
    (global.set $trace
      (i32.mul (i32.xor (global.get $trace) (local.get $d)) (i32.const 0x01000193)))
    (if (i32.lt_s (local.get $d) (global.get $d3))
      (then
        (local.set $label (i32.load8_u offset=64 (global.get $row)))
        (if (i32.lt_s (local.get $d) (global.get $d2))
          (then
            (global.set $d3 (global.get $d2)) (global.set $l3 (global.get $l2))
            (if (i32.lt_s (local.get $d) (global.get $d1))
              (then
                (global.set $d2 (global.get $d1)) (global.set $l2 (global.get $l1))
                (global.set $d1 (local.get $d)) (global.set $l1 (local.get $label)))
              (else
                (global.set $d2 (local.get $d)) (global.set $l2 (local.get $label)))))
          (else
            (global.set $d3 (local.get $d)) (global.set $l3 (local.get $label))))))
    (global.set $row (i32.add (global.get $row) (i32.const 65)))
    (i32.ge_u
      (global.get $row)
      (i32.add (i32.const 4) (i32.mul (i32.const 65) (i32.load (i32.const 0))))))

  (func (export "result") (result i64)
    (local $digit i32)
    (local.set $digit
      (select (global.get $l2) (global.get $l1) (i32.eq (global.get $l2) (global.get $l3))))
    (i32.store8 (i32.const 131200) (local.get $digit))
    (i32.store8 (i32.const 131201)
      (i32.add
        (i32.eq (global.get $l1) (local.get $digit))
        (i32.add
          (i32.eq (global.get $l2) (local.get $digit))
          (i32.eq (global.get $l3) (local.get $digit)))))
    (i32.store16 (i32.const 131202) (global.get $d1))
    (i32.store (i32.const 131204) (global.get $trace))
    (i64.or
      (i64.shl (i64.const 131200) (i64.const 32))
      (i64.const 8)))

  ;; The labelled rows are put here.
  (data (i32.const 0) "@REFERENCE@"))
