// Package lend is the command that lends memory to devices of other machines, and serves
// them until it is stopped.
package lend

import (
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/farswap/farswap/control"
	"github.com/farswap/farswap/donor"
	"github.com/farswap/farswap/internal/cli/command"
	"github.com/farswap/farswap/internal/cli/flags"
	"github.com/farswap/farswap/internal/cli/usage"
	"github.com/farswap/farswap/internal/memory"
)

const defaultConfig = "/etc/farswap/donor.toml"

// Bounds of flags. A lease is kept by a tick a second, and who is gone for a day has lost its
// device.
const (
	maxAhead = 1 << 16
	minLease = time.Millisecond
	maxLease = 24 * time.Hour
)

// gossipAddress is where a donor gossips: the port after those of its control and its
// transports. Who only listens takes a free port.
const gossipAddress = ":9403"

// Command returns `farswap donor`, which serves. The commands below it are those of package
// internal/cli/donor.
func Command(a *command.App) *cobra.Command {
	o := &options{cluster: flags.Gossip{Listen: gossipAddress}}
	cmd := &cobra.Command{
		Use:   "donor --memory SIZE",
		Short: "Lend memory to devices of other machines, until stopped",
		Long: `donor lends up to --memory of this machine to devices of other machines, and
serves in the foreground until SIGTERM or SIGINT. Devices then go on with their
local copies. ` + "`farswap donor drain`" + ` asks the devices to move their slabs away first.
For systemd it is Type=notify. Certificates, the revocation list, the key of gossip and
the names in the configuration file are read again when they change, and on SIGHUP.

When less than --headroom is available to this machine's own programs, the donor
takes slabs back: first those prepared ahead, then the least active ones of devices.

Every device with a certificate of the authority may use the donor. With --allow only
certificates of the given names may. All devices of one name together get SIZE at most, and the
donor keeps reserve=SIZE of its memory for them alone.`,
		Example: `  farswap donor --listen :9400 --memory 8G --cert /etc/farswap/cert
  farswap donor --memory 8G --headroom 25% --cert ID --allow web1=2G --allow db1,reserve=4G`,
		Args: a.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			before, err := inheritance()
			if err != nil {
				return err
			}
			if before != nil {
				defer before.Close()
			}
			config, err := o.begin(a)
			if err != nil {
				if before != nil {
					donor.Decline(before, err)
				}
				return err
			}
			o.listed = command.ListOf(cmd, "allow")
			return o.serve(config, a, before)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.listen, "listen", ":9400", "HOST:PORT of the control port")
	f.StringVar(&o.dataListen, "data-listen", "", "HOST:PORT where pages are served over TCP; the port after --listen's if not given")
	f.StringVar(&o.rdmaListen, "rdma-listen", "", "HOST:PORT where pages are served over RDMA; two ports after --listen's if not given")
	f.Var(&o.memory, "memory", "most memory that is lent, locked in RAM")
	f.Var(&o.keep, "headroom", "memory kept available for this machine's own programs: a size, or a share such as 25%; 12.5% if not given")
	f.StringArrayVar(&o.allow, "allow", nil, "certificate `NAME[=SIZE][,reserve=SIZE]` that may use the donor; repeatable")
	flags.Int(f, &o.ahead, "ahead", donor.DefaultAhead, -1, maxAhead, "slabs prepared ahead of need; 0 or -1 for none")
	flags.Duration(f, &o.lease, "lease", donor.DefaultLease, minLease, maxLease, "how long the slabs of a lost device are kept")
	f.StringVar(&o.name, "name", "", "what devices know this donor by; the identity's or the host's name if not given")
	f.StringVar(&o.transport, "transport", "auto", "how pages travel: rdma, tcp, or auto for both, as far as this machine can")
	o.rdma.Register(f)
	f.StringVar(&o.cert, "cert", "", "folder of this machine's identity, from farswap cert issue")
	flags.Revoked(f, &o.revoked)
	f.BoolVar(&o.insecure, "insecure", false, "no TLS; for loopback addresses only")
	o.cluster.Register(f)
	f.StringVar(&o.announced, "announce", "", "`HOST[:PORT]` that gossip tells devices to dial, a name or address in the certificate; the address that members see and the control port if not given")
	flags.StateRoot(cmd, &o.root)
	command.WithConfig(cmd, defaultConfig)
	return cmd
}

// begin does what comes before lending.
func (o *options) begin(a *command.App) (donor.Config, error) {
	if err := memory.Hide(); err != nil {
		return donor.Config{}, err
	}
	return o.config(a.Log)
}

func (o *options) config(log zerolog.Logger) (donor.Config, error) {
	if o.memory == 0 {
		return donor.Config{}, usage.Errorf("--memory is missing: say how much to lend, such as --memory 8G")
	}
	rdma, err := o.rdma.Config()
	if err != nil {
		return donor.Config{}, err
	}
	if err := o.cluster.Check(); err != nil {
		return donor.Config{}, err
	}
	allow, err := parseAllowances(o.allow)
	if err != nil {
		return donor.Config{}, err
	}
	addresses := []string{o.listen}
	for _, address := range []string{o.dataListen, o.rdmaListen} {
		if address != "" {
			addresses = append(addresses, address)
		}
	}
	id, err := flags.Identity(o.cert, o.revoked, o.insecure, addresses, control.RoleDonor)
	if err != nil {
		return donor.Config{}, err
	}
	if err := o.checkAnnounce(id); err != nil {
		return donor.Config{}, err
	}
	ahead := o.ahead
	if ahead == 0 { // the library's 0 is its default
		ahead = -1
	}
	config := donor.Config{
		Name: o.name, Listen: o.listen, DataListen: o.dataListen, RDMAListen: o.rdmaListen, Transport: o.transport, RDMA: rdma,
		Memory: int64(o.memory), Ahead: ahead, Lease: o.lease,
		HeadRoom: donor.HeadRoom(o.keep), Allow: allow,
		Identity: id, Insecure: o.insecure, Log: log,
	}
	return config, config.Validate()
}
