;; What a host can call is exported; what the program needs from a host is imported.
(module
  (func (export "double") (param $$value i32) (result i32)
    (i32.mul (local.get $$value) (i32.const 2))))
