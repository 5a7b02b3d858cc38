;; Classifies an 8x8 image of a digit by its three nearest neighbours among labelled images.
;;
;; Interface (see docs of `WasmProgram`): the host writes the record at `input`, calls
;; `step(length)` and reads the output at the address in the upper half of the result, as many
;; bytes as the lower half says.
;;
;; Memory:        0  u32, number of labelled rows
;;                4  rows of 65 bytes: 64 pixels, then the digit
;;           131072  input: 64 pixels
;;           131200  output: digit, votes for it (1 to 3), distance of the nearest row as u16, trace as u32
;;
;; Integers only. Distance: sum of squared differences, at most 64 * 255^2 < 2^31. Of two rows at
;; one distance the earlier counts as nearer, so the result does not depend on any search order.
;;
;; The trace mixes what every row's comparison gave (FNV-1a, a word at a time). Who leaves a row out or guesses the
;; digit does not know it: it is what makes an output hard to guess, where the rest says little more than a label.
(module
  (memory (export "memory") 3 3)
  (global (export "input") i32 (i32.const 131072))

  ;; Distance of the input to the row at $row, given up (too large anyway) once a row of eight
  ;; pixels brings it to $bound or beyond.
  (func $distance (param $row i32) (param $bound i32) (result i32)
    (local $pixel i32) (local $sum i32) (local $gap i32)
    (loop $pixels
      (local.set $gap
        (i32.sub
          (i32.load8_u (i32.add (local.get $row) (local.get $pixel)))
          (i32.load8_u (i32.add (i32.const 131072) (local.get $pixel)))))
      (local.set $sum
        (i32.add (local.get $sum) (i32.mul (local.get $gap) (local.get $gap))))
      (local.set $pixel (i32.add (local.get $pixel) (i32.const 1)))
      (br_if $pixels (i32.and (local.get $pixel) (i32.const 7)))
      (if (i32.ge_s (local.get $sum) (local.get $bound))
        (then (return (local.get $sum))))
      (br_if $pixels (i32.lt_u (local.get $pixel) (i32.const 64))))
    (local.get $sum))

  (func (export "step") (param $length i32) (result i64)
    (local $row i32) (local $end i32) (local $d i32) (local $label i32)
    (local $d1 i32) (local $d2 i32) (local $d3 i32)
    (local $l1 i32) (local $l2 i32) (local $l3 i32)
    (local $digit i32) (local $votes i32) (local $trace i32)
    (if (i32.ne (local.get $length) (i32.const 64)) (then (unreachable)))
    (local.set $d1 (i32.const 0x7fffffff))
    (local.set $d2 (i32.const 0x7fffffff))
    (local.set $d3 (i32.const 0x7fffffff))
    (local.set $trace (i32.const 0x811c9dc5))
    (local.set $row (i32.const 4))
    (local.set $end
      (i32.add (i32.const 4) (i32.mul (i32.const 65) (i32.load (i32.const 0)))))

    (loop $rows
      (local.set $d (call $distance (local.get $row) (local.get $d3)))
      (local.set $trace
        (i32.mul (i32.xor (local.get $trace) (local.get $d)) (i32.const 0x01000193)))
      (if (i32.lt_s (local.get $d) (local.get $d3))
        (then
          (local.set $label (i32.load8_u offset=64 (local.get $row)))
          (if (i32.lt_s (local.get $d) (local.get $d2))
            (then
              (local.set $d3 (local.get $d2)) (local.set $l3 (local.get $l2))
              (if (i32.lt_s (local.get $d) (local.get $d1))
                (then
                  (local.set $d2 (local.get $d1)) (local.set $l2 (local.get $l1))
                  (local.set $d1 (local.get $d)) (local.set $l1 (local.get $label)))
                (else
                  (local.set $d2 (local.get $d)) (local.set $l2 (local.get $label)))))
            (else
              (local.set $d3 (local.get $d)) (local.set $l3 (local.get $label))))))
      (local.set $row (i32.add (local.get $row) (i32.const 65)))
      (br_if $rows (i32.lt_u (local.get $row) (local.get $end))))

    ;; The nearest row decides unless the two others agree against it.
    (local.set $digit
      (select (local.get $l2) (local.get $l1) (i32.eq (local.get $l2) (local.get $l3))))
    (local.set $votes
      (i32.add
        (i32.eq (local.get $l1) (local.get $digit))
        (i32.add
          (i32.eq (local.get $l2) (local.get $digit))
          (i32.eq (local.get $l3) (local.get $digit)))))
    (i32.store8 (i32.const 131200) (local.get $digit))
    (i32.store8 (i32.const 131201) (local.get $votes))
    (i32.store16 (i32.const 131202) (local.get $d1))
    (i32.store (i32.const 131204) (local.get $trace))
    (i64.or
      (i64.shl (i64.const 131200) (i64.const 32))
      (i64.const 8)))

  ;; The labelled rows are put here.
  (data (i32.const 0) "@REFERENCE@"))
