package app

import (
	"os"
	"strings"
	"testing"
)

// A range with a page that the process has changed, or may change, is never given up: it would come back as it was.
func TestOnlyUnchangedPagesAreForgotten(t *testing.T) {
	const end = "Swap:                  0 kB\nVmFlags: rd mr\n"
	maps := "00400000-00402000 r-xp 00000000 fe:00 12   /usr/bin/cairn\nRss: 8 kB\nAnonymous:             0 kB\n" + end +
		"00402000-00403000 r--p 00002000 fe:00 12   /usr/bin/cairn\nRss: 8 kB\nAnonymous:             4 kB\n" + end +
		"00403000-00404000 r--p 00002000 fe:00 12   /usr/bin/cairn\nRss: 8 kB\nAnonymous:             0 kB\nSwap:       4 kB\nVmFlags: rd mr\n" +
		"00404000-00405000 rw-p 00002000 fe:00 12   /usr/bin/cairn\nRss: 8 kB\nAnonymous:             0 kB\n" + end +
		"00405000-00406000 r--s 00002000 fe:00 12   /usr/bin/cairn\nRss: 8 kB\nAnonymous:             0 kB\n" + end +
		"00406000-00407000 r--p 00002000 fe:00 13   /usr/bin/other\nRss: 8 kB\nAnonymous:             0 kB\n" + end +
		"c0000000-c0010000 rw-p 00000000 00:00 0 \nRss: 8 kB\nAnonymous:             8 kB\n" + end
	got := unchanged([]byte(maps), "/usr/bin/cairn")
	if len(got) != 1 || got[0] != (addresses{0x400000, 0x402000}) {
		t.Errorf("%x", got)
	}
}

func TestProgramGoesOnWithoutItsPages(t *testing.T) {
	forgetProgram()
	exe, err := os.Readlink("/proc/self/exe")
	if err != nil {
		t.Fatal(err)
	}
	maps, err := os.ReadFile("/proc/self/smaps")
	if err != nil {
		t.Fatal(err)
	}
	if len(unchanged(maps, exe)) == 0 {
		t.Errorf("no range of the program was found in\n%s", strings.SplitN(string(maps), "VmFlags", 3)[0])
	}
}
