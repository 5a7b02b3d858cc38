;; Record: a number n, 64 bits. Output: length of its Collatz sequence down to 1, 32 bits.
(module
  (memory (export "memory") 1)
  (global (export "input") i32 (i32.const 0))
  (func (export "step") (param $length i32) (result i64)
    (local $n i64) (local $count i32)
    (if (i32.ne (local.get $length) (i32.const 8)) (then (unreachable)))
    (local.set $n (i64.load (i32.const 0)))
    (block $done
      (loop $next
        (br_if $done (i64.le_u (local.get $n) (i64.const 1)))
        (local.set $n
          (if (result i64) (i64.eqz (i64.and (local.get $n) (i64.const 1)))
            (then (i64.shr_u (local.get $n) (i64.const 1)))
            (else (i64.add (i64.mul (local.get $n) (i64.const 3)) (i64.const 1)))))
        (local.set $count (i32.add (local.get $count) (i32.const 1)))
        (br $next)))
    (i32.store (i32.const 8) (local.get $count))
    (i64.or (i64.shl (i64.const 8) (i64.const 32)) (i64.const 4))))
