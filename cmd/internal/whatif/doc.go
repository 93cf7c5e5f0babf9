// Package whatif holds predictions against what then happened.
//
// Its tests replay captures without a change, which must give back what was recorded, and,
// in the long run of .ci/whatif, make changes in real services and print what was predicted
// from captures of before beside what captures of after show.
package whatif
