package lenders

import "github.com/farswap/farswap/control"

// claim makes d the donor that is used under its name, unless another one is. Of two
// donors with one name, the second is not used: nobody could tell them apart.
func (l *Lenders) claim(d *Donor, s *control.Session) error {
	l.naming.Lock()
	defer l.naming.Unlock()
	if err := l.elsewhere(d); err != nil {
		return err
	}
	d.set(StateConnecting, s, nil)
	return nil
}

// elsewhere is an error if a donor of d's name is connected at another address. A second
// session with the same donor would end the first, with all its slabs.
func (l *Lenders) elsewhere(d *Donor) error {
	name := d.named()
	for _, other := range l.All() {
		if r := other.Report(); other != d && name != "" && r.Name == name && r.State != string(StateDown) {
			return refuse(ErrSameName, "donor %s: one named %s is used at %s", d.address, name, other.address)
		}
	}
	return nil
}
