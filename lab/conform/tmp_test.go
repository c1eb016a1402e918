package conform

import (
	"fmt"
	"os"
	"sort"
	"testing"
)

func TestTmp(t *testing.T) {
	root := "../../testdata/truth"
	if r := os.Getenv("ROOT"); r != "" {
		root = r
	}
	var ts *Tshark
	if os.Getenv("TSHARK") != "" {
		ts = FindTshark()
	}
	tot := map[string][5]int{}
	ag := map[string][5]int{}
	rs := map[string]int{}
	for _, d := range Dirs(root) {
		rep, err := Compare(d, ts)
		if err != nil {
			t.Fatal(d, err)
		}
		rnd := "scen"
		if rep.File.Seed != 0 {
			rnd = "random"
		}
		for _, r := range rep.States {
			k := rnd + " " + string(r.View)
			v := tot[k]
			v[0]++
			if r.Right {
				v[1]++
			}
			if r.Unshown {
				v[2]++
			}
			v[3] += len(r.False)
			if r.Unshown {
				v[4] += len(r.False)
			}
			tot[k] = v
			if !r.Right {
				fmt.Println("ST", r.String(), "unshown", r.Unshown, "false", len(r.False))
			}
		}
		for n, l := range map[string][]Again{"ours": rep.Ours, "tshark": rep.Tshark} {
			for _, a := range l {
				k := n + " " + rnd + " " + string(a.View)
				v := ag[k]
				v[0] += a.Passed
				v[1] += a.Hidden
				v[2] += a.Right
				v[3] += len(a.Missed)
				v[4] += len(a.Invented)
				ag[k] = v
				if n == "ours" && (len(a.Missed) > 0 || len(a.Invented) > 0) {
					fmt.Println("AG", rnd, a.Scenario, a.Tap, a.Side, a.View, "missed", a.Missed, "invented", a.Invented)
				}
			}
		}
		for _, r := range rep.Resets {
			rs[fmt.Sprint(rnd, " ", r.View, " want ", r.Want, " got ", r.Got)]++
			if r.Want != r.Got {
				fmt.Printf("RS %s %+v\n", rnd, r)
			}
		}
	}
	for k, v := range tot {
		fmt.Printf("TOT %s: %d of %d wrong, %.2f%% unshown %d (%.2f%%) false %d unsh %d\n", k, v[0]-v[1], v[0], 100*float64(v[1])/float64(v[0]), v[2], 100*float64(v[1]+v[2])/float64(v[0]), v[3], v[4])
	}
	for k, v := range ag {
		fmt.Printf("TOT %s: passed %d hidden %d right %d missed %d invented %d recall(knowable) %.2f%% precision %.2f%%\n", k, v[0], v[1], v[2], v[3], v[4], 100-100*float64(v[3])/float64(v[0]-v[1]), 100*float64(v[2])/float64(v[2]+v[4]))
	}
	var ks []string
	for k := range rs {
		ks = append(ks, k)
	}
	sort.Strings(ks)
	for _, k := range ks {
		fmt.Println("TOT", k, rs[k])
	}
}
