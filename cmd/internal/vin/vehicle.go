package vin

import (
	"fmt"
	"sync"
)

// A Vehicle is a row of the table vehicles.
type Vehicle struct {
	VIN    string `json:"vin"`
	Make   string `json:"make"`
	Model  string `json:"model"`
	Year   int    `json:"year"`
	Plant  string `json:"plant"`
	Engine string `json:"engine"`
	MSRP   int    `json:"msrp_usd"`
}

// Fleet returns the vehicles in the database: a few thousand, always the same,
// each with a valid check digit. The caller must not modify them.
func Fleet() []Vehicle { return fleet() }

// Numbers returns the VINs of the [Fleet], in its order.
func Numbers() []string {
	numbers := make([]string, len(Fleet()))
	for i, v := range Fleet() {
		numbers[i] = v.VIN
	}
	return numbers
}

const perModel = 500

// models lists the models. Their VINs begin with prefix (world manufacturer
// identifier and vehicle descriptor section) and have plant at position 11. The
// first vehicle is the Accord that every article about VINs decodes.
var models = []struct {
	prefix, make, model, engine string
	plantCode                   byte
	plant                       string
	msrp                        int
	serial                      int
}{
	{"1HGCM826", "Honda", "Accord", "3.0L V6", 'A', "Marysville, Ohio", 26400, 4352},
	{"2T1BR32E", "Toyota", "Corolla", "1.8L I4", 'C', "Cambridge, Ontario", 15700, 100000},
	{"1FTFW1ET", "Ford", "F-150", "3.5L V6", 'F', "Dearborn, Michigan", 36200, 200000},
	{"WBA3A5C5", "BMW", "328i", "2.0L I4", 'P', "Munich", 37300, 300000},
	{"JN8AZ2NE", "Nissan", "Armada", "5.6L V8", '9', "Yukuhashi", 45100, 400000},
	{"3VW2B7AJ", "Volkswagen", "Jetta", "1.4L I4", 'M', "Puebla", 18800, 500000},
	{"5YJSA1E2", "Tesla", "Model S", "electric", 'F', "Fremont, California", 74500, 600000},
	{"KMHDH4AE", "Hyundai", "Elantra", "1.8L I4", 'U', "Ulsan", 17200, 700000},
}

var fleet = sync.OnceValue(func() []Vehicle {
	vehicles := make([]Vehicle, 0, perModel*len(models))
	for _, m := range models {
		for i := range perModel {
			year := 3 + (i/100)%5 // one character, the year's last digit: 2003 to 2007
			number := fmt.Sprintf("%s0%d%c%06d", m.prefix, year, m.plantCode, m.serial+i)
			digit, err := CheckDigit(number)
			if err != nil {
				panic(err) // the table above is wrong
			}
			vehicles = append(vehicles, Vehicle{
				VIN: number[:8] + string(digit) + number[9:], Make: m.make, Model: m.model, Year: 2000 + year,
				Plant: m.plant, Engine: m.engine, MSRP: m.msrp + 10*(i%200),
			})
		}
	}
	return vehicles
})
