# Floating-point arithmetic with the four operations (busybox has no mathematical functions): the sum of
# inverse squares, the square root of 2 by Newton's iteration, e^-3.5 and the sine of 1 by their series.
BEGIN {
  for (i = 1; i <= 2000; i++) sum += 1 / (i * i)
  root = 1
  for (i = 0; i < 8; i++) root = (root + 2 / root) / 2
  exponential = term = 1
  for (i = 1; i < 40; i++) exponential += term *= -3.5 / i
  sine = term = 1
  for (i = 2; i < 24; i += 2) sine += term *= -1 / (i * (i + 1))
  printf "%.9f %.9f %.9f %.9f", sum, root, exponential, sine
}
