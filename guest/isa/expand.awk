# Makes an assembler source of every_mnemonic.txt, which describes the format.
#
# Instructions that binutils know go to .text; the others to .text.lx6, three bytes each, and their texts, one a
# line in the same order, to .spelling.

function gcd(a, b,   t) {
  while (b) { t = a % b; a = b; b = t }
  return a
}

function fail(text) {
  print FILENAME ":" FNR ": " text > "/dev/stderr"
  failed = 1
  exit 1
}

# Fills value[operand, 0...] and count[operand].
function values(operand, text,   n, i, parts, prefix, step, low, high) {
  n = 0
  if (text ~ /^[afb]\*$/) {
    for (i = 0; i < 16; i++) value[operand, n++] = substr(text, 1, 1) i
  } else if (text == "m*") {
    for (i = 0; i < 4; i++) value[operand, n++] = "m" i
  } else if (text == "m01" || text == "m23") {
    value[operand, n++] = "m" substr(text, 2, 1)
    value[operand, n++] = "m" substr(text, 3, 1)
  } else if (text == "b4*") {
    for (i = 0; i < 16; i += 4) value[operand, n++] = "b" i ":b" i + 1 ":b" i + 2 ":b" i + 3
  } else if (text == "b8*") {
    value[operand, n++] = "b0:b1:b2:b3:b4:b5:b6:b7"
    value[operand, n++] = "b8:b9:b10:b11:b12:b13:b14:b15"
  } else if (text ~ /^\{.*\}$/) {
    n = split(substr(text, 2, length(text) - 2), parts, ",")
    for (i = 0; i < n; i++) value[operand, i] = parts[i + 1]
  } else if (text ~ /^[.^]?-?[0-9]+\.\.-?[0-9]+(\/[0-9]+)?$/) {
    prefix = ""
    if (text ~ /^[.^]/) {
      prefix = substr(text, 1, 1) == "." ? ". + " : "origin + "
      text = substr(text, 2)
    }
    step = 1
    if (split(text, parts, "/") == 2) step = parts[2] + 0
    split(parts[1], parts, /\.\./)
    low = parts[1] + 0
    high = parts[2] + 0
    if ((high - low) % step) fail("the range does not end on a step: " text)
    # Numbers above 255 in hexadecimal, as the disassembler writes them.
    for (i = low; i <= high; i += step) value[operand, n++] = prefix (i > 255 && !prefix ? sprintf("0x%x", i) : i)
  } else {
    fail("unknown operand: " text)
  }
  count[operand] = n
}

BEGIN {
  split("1 3 5 7 11 13", steps, " ")
  print "/* Made by expand.awk. */"
  print "#include \"lx6.h\""
  print "#include \"lx6_only.h\""
  print "  .begin no-transform"
  print "  .text"
  print "  .align 4"
  print "  .global origin"
  print "origin:"
}

/^#/ || /^[ \t]*$/ { next }

{
  if (split($0, halves, ":") != 2) fail("no colon")
  lx6_only = sub(/^!/, "", halves[1])
  mnemonics = split(halves[1], mnemonic, " ")
  operands = split(halves[2], operand, " ")
  lines = 1
  for (o = 1; o <= operands; o++) {
    values(o, operand[o])
    if (count[o] > lines) lines = count[o]
    # The o-th step that is prime to the number of values, so that operands of one kind go differently.
    step[o] = 1
    for (s = o; s in steps; s++) {
      if (gcd(steps[s], count[o]) == 1) {
        step[o] = steps[s]
        break
      }
    }
  }
  for (m = 1; m <= mnemonics; m++) {
    for (i = 0; i < lines; i++) {
      text = ""
      for (o = 1; o <= operands; o++) {
        text = text (o > 1 ? ", " : " ") value[o, (i * step[o] + o - 1) % count[o]]
      }
      if (lx6_only) {
        spelled = text
        sub(/^ /, "\\t", spelled)
        print "  .section .text.lx6, \"ax\""
        print "  " mnemonic[m] text
        print "  .section .spelling, \"a\""
        print "  .ascii \"" mnemonic[m] spelled "\\n\""
        print "  .text"
      } else {
        print "  " mnemonic[m] text
      }
    }
  }
}

END {
  if (!failed) print "  .end no-transform"
}
