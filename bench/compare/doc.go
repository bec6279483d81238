// Command compare measures a hub beside programs that do a part of its work and beside the limits of the machine, in turn
// within one run, and writes the ratios to a file. It knows the hub only by its command line and its protocols.
//
// Absolute figures are good for nothing but the run that made them: other work on the machine changes them by half. So every
// contestant of a row is measured in the same rounds, whose order rotates, and a row compares their medians.
package main
