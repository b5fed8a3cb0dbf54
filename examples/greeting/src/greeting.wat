;; Says hello in one of five languages, and remembers which through the host's storage.
;; A greeting is 64 bytes of UTF-8 from offset 1024 on; its length is the byte at its number.
(module
  (import "host:storage/kv@1.0.0" "get" (func $get (param $key i32) (result i32)))
  (import "host:storage/kv@1.0.0" "set" (func $set (param $key i32) (param $value i32)))

  (memory (export "memory") 1 1)
  (data (i32.const 0) "\06\09\07\09\0d")
  (data (i32.const 1024) "Hello!")
  (data (i32.const 1088) "Bonjour !")
  (data (i32.const 1152) "¡Hola!")
  (data (i32.const 1216) "你好！")
  (data (i32.const 1280) "Привет!")

  (global $languages i32 (i32.const 5))
  (global $key i32 (i32.const 1))

  (func (export "languages") (result i32)
    global.get $languages)

  ;; where the greeting is, and how many bytes it has
  (func $greeting (export "greeting") (param $language i32) (result i32 i32)
    (if (i32.ge_u (local.get $language) (global.get $languages))
      (then (local.set $language (i32.const 0))))
    (i32.add (i32.const 1024) (i32.mul (local.get $language) (i32.const 64)))
    (i32.load8_u (local.get $language)))

  ;; 1 where the choice was stored, 0 where there is no such language
  (func (export "choose") (param $language i32) (result i32)
    (if (i32.ge_u (local.get $language) (global.get $languages))
      (then (return (i32.const 0))))
    (call $set (global.get $key) (local.get $language))
    i32.const 1)

  ;; the greeting in the language that was chosen last
  (func (export "greet") (result i32 i32)
    (call $greeting (call $get (global.get $key)))))
