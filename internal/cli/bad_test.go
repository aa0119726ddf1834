package cli

import (
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/farswap/farswap/cluster"
	"github.com/farswap/farswap/control"
)

// noConfig keeps a file in /etc out of the tests.
const (
	noConfig  = " --config /dev/null --state-root state"
	addSwap   = "ublk add" + noConfig + " --size 64M --insecure --donor 127.0.0.1:1 --backing back"
	addNull   = "ublk add" + noConfig + " --target null --size 64M"
	addLoop   = "ublk add" + noConfig + " --target loop --backing back"
	addHDD    = "ublk add" + noConfig + " --target hdd --size 64M"
	runDonor  = "donor" + noConfig + " --memory 8M --insecure --listen 127.0.0.1:0 --name d"
	runDash   = "dash" + noConfig
	certDonor = "donor" + noConfig + " --memory 8M --cert good --listen 127.0.0.1:0 --name d"
	gossips   = " --gossip-listen 127.0.0.1:0 --gossip-key gossip"
)

var badInputs = []badCase{
	bad("no command of a group", 2, "ublk", "a command is missing|see `farswap ublk --help`"),
	bad("mistyped command", 2, "donr", "perhaps donor is meant|see `farswap --help`"),
	bad("mistyped subcommand", 2, "ublk lst", "perhaps list is meant|farswap ublk --help"),
	bad("unknown command before a flag", 2, "nosuch --version", `unknown command "nosuch"`),
	bad("completion of no shell", 2, "completion foo", `unknown command "foo"|bash|zsh`),
	bad("unknown command", 2, "swap", `unknown command "swap"`),
	bad("unknown option", 2, "--fast", "unknown flag: --fast"),
	bad("no subcommand", 2, "ublk", "want one of add, del, events, list, recover, status, stop, upgrade, why"),
	bad("unknown subcommand", 2, "ublk start", `unknown command "start"|farswap ublk --help`),
	bad("help of nothing", 2, "help nothing", `unknown command ["nothing"]|see `+"`farswap --help`"),
	bad("help of no subcommand", 2, "help ublk nothing", `unknown command ["nothing"]`),
	bad("log level", 2, "--log-level loud version", `--log-level "loud"`),
	bad("argument", 2, "version 1", `unexpected argument "1"`),
	bad("argument of add", 2, addNull+" mem1:9400", `unexpected argument "mem1:9400"`),

	bad("size missing", 2, "ublk add"+noConfig, "--size is missing"),
	bad("size decimal", 2, addSwap+" --size 1GB", `unknown unit "GB"`),
	bad("size no number", 2, addSwap+" --size big", `"big" is not a size`),
	bad("size negative", 2, addSwap+" --size=-1G", "is not a size"),
	bad("size too large", 2, addSwap+" --size 9000P", "too large"),
	bad("size no pages", 2, addSwap+" --size 5000", "5000"),
	bad("size of null", 2, addNull+" --size 5000", "5000"),
	bad("slab odd", 2, addSwap+" --slab 5M", "slab"),
	bad("slab small", 2, addSwap+" --slab 2M", "slab"),
	bad("slab large", 2, addSwap+" --slab 2G", "slab"),
	bad("depth negative", 2, addSwap+" --depth=-1", "depth -1|1 to 4096"),
	bad("depth large", 2, addSwap+" --depth 4097", "depth 4097|1 to 4096"),
	bad("depth no number", 2, addSwap+" --depth deep", "--depth"),
	bad("queues negative", 2, addSwap+" --queues=-1", "-1 queues"),
	bad("queues above CPUs", 2, addSwap+" --queues 4096", "4096 queues|one per CPU"),
	bad("request odd", 2, addSwap+" --max-io 12K", "power of two"),
	bad("request large", 2, addSwap+" --max-io 64M", "power of two"),
	bad("id", 2, addSwap+" --id=-2", "device id -2"),
	bad("placement", 2, addSwap+" --placement fast", `placement "fast"|paper or latency`),
	bad("slow factor", 2, addSwap+" --slow-factor 1", "--slow-factor 1|more than 1"),
	bad("slow factor nonsense", 2, addSwap+" --slow-factor NaN", "--slow-factor NaN"),
	bad("slow factor large", 2, addSwap+" --slow-factor 1e9", "factor 1e+09"),
	bad("slow periods", 2, addSwap+" --slow-periods 0", "--slow-periods 0"),
	bad("slow period", 2, addSwap+" --slow-period 0s", "--slow-period 0s|100ms to 1h"),
	bad("slow by", 2, addSwap+" --slow-by guess", `"guess"|server or kernel`),
	bad("slow by what is off", 2, addSwap+" --slow-by kernel --probes off", "with the probes off"),
	bad("slow period short", 2, addSwap+" --slow-period 1ms", "placement period of 1ms|100ms to 1h"),
	bad("slow rate", 2, addSwap+" --slow-rate=-1", "--slow-rate -1"),
	bad("slow reads", 2, addSwap+" --slow-reads 0", "--slow-reads 0"),
	bad("why nothing", 2, "ublk why", "SLAB"),
	bad("why no slab", 2, "ublk why first", `"first" is not a slab|farswap ublk status`),
	bad("why a slab of no device", 1, "ublk why 3 --state-root state", "no farswap device here"),
	bad("why a slab of a device that is none", 2, "ublk why 3 --id disk --state-root state", `"disk" is not a device`),
	bad("donor missing", 2, "ublk add"+noConfig+" --size 64M --insecure --backing back", "--donor HOST:PORT"),
	bad("donor without port", 2, addSwap+" --donor localhost", `"localhost"|HOST:PORT`),
	bad("donor without host", 2, addSwap+" --donor :9400", `:9400`),
	bad("donor port", 2, addSwap+" --donor localhost:99999", "99999"),
	bad("donor twice", 2, addSwap+" --donor 127.0.0.1:1", "twice"),
	bad("join without a key", 2, addSwap+" --join 127.0.0.1:1", "--gossip-key"),
	bad("name without a port", 2, addSwap+" --donor dns:mem.lan", "dns:mem.lan|HOST:PORT"),
	bad("name without a host", 2, addSwap+" --donor dns::9400", "host is missing"),
	bad("gossip of null", 2, addNull+" --join 127.0.0.1:1", "--join means nothing with --target null"),
	bad("gossip key of null", 2, addNull+" --gossip-key k", "--gossip-key means nothing"),
	bad("gossip address of loop", 2, addLoop+" --gossip-listen :0", "--gossip-listen means nothing with --target loop"),
	bad("gossip and key of null", 2, addNull+" --join 127.0.0.1:1 --gossip-key k", "means nothing with --target null"),
	bad("donor joins without a key", 2, runDonor+" --join 127.0.0.1:1", "--gossip-key"),
	bad("donor with a key that is none", 1, runDonor+" --gossip-key nokey", "nokey"),
	bad("backing missing", 2, "ublk add"+noConfig+" --size 64M --insecure --donor localhost:1", "--backing PATH"),
	bad("no backing", 2, addSwap+" --backing none", "--accept-loss"),
	bad("no backing, strict", 2, addSwap+" --backing none --accept-loss --ack strict", "strict"),
	bad("acknowledge policy", 2, addSwap+" --ack never", `"never"|remote-first|strict`),
	bad("transport", 2, addSwap+" --transport pigeon", `"pigeon"|auto, rdma or tcp`),
	bad("spin negative", 2, addSwap+" --spin=-1us", "-1µs"),
	bad("spin long", 2, addSwap+" --spin 1s", "spin of 1s"),
	bad("spin of null", 2, addNull+" --spin 1us", "--spin means nothing"),
	bad("RDMA device of null", 2, addNull+" --rdma-device rxe0", "--rdma-device means nothing"),
	bad("RDMA port", 2, addSwap+" --rdma-device rxe0 --rdma-port 256", "--rdma-port 256|1 to 255"),
	bad("RDMA port of no device", 2, addSwap+" --rdma-port 1", "without --rdma-device"),
	bad("RDMA GID", 2, addSwap+" --rdma-gid=-2", "--rdma-gid -2"),
	bad("RDMA MTU", 2, addSwap+" --rdma-mtu 1500", "--rdma-mtu 1500|1024"),
	bad("hot", 2, addSwap+" --hot=-1", "hot"),
	bad("operation timeout", 2, addSwap+" --op-timeout=-1s", "-1s"),
	bad("patience", 2, addSwap+" --patience 1ms", "1ms"),
	bad("probes", 2, addSwap+" --probes maybe", "maybe"),
	bad("duration", 2, addSwap+" --patience soon", "--patience"),
	bad("target", 2, addSwap+" --target floppy", `"floppy"|swap, null, loop or hdd`),
	bad("donor of null", 2, addNull+" --donor localhost:1", "--donor means nothing with --target null"),
	bad("backing of null", 2, addNull+" --backing back", "--backing means nothing"),
	bad("slab of null", 2, addNull+" --slab 8M", "--slab means nothing with --target null"),
	bad("hot of null", 2, addNull+" --hot 2", "--hot means nothing with --target null"),
	bad("placement of null", 2, addNull+" --placement paper", "--placement means nothing with --target null"),
	bad("slow factor of null", 2, addNull+" --slow-factor 9", "--slow-factor means nothing with --target null"),
	bad("slow by of null", 2, addNull+" --slow-by server", "--slow-by means nothing"),
	bad("slow periods of loop", 2, addLoop+" --slow-periods 3", "--slow-periods means nothing with --target loop"),
	bad("slow period of loop", 2, addLoop+" --slow-period 1s", "--slow-period means nothing"),
	bad("slow rate of hdd", 2, addHDD+" --slow-rate 1", "--slow-rate means nothing with --target hdd"),
	bad("slow reads of hdd", 2, addHDD+" --slow-reads 1", "--slow-reads means nothing"),
	bad("transport of loop", 2, addLoop+" --transport tcp", "--transport means nothing"),
	bad("prefetch of loop", 2, addLoop+" --prefetch=false", "--prefetch means nothing"),
	bad("identity of null", 2, addNull+" --cert good", "--cert means nothing"),
	bad("insecure of null", 2, addNull+" --insecure", "--insecure means nothing"),
	bad("loss of null", 2, addNull+" --accept-loss", "--accept-loss means nothing"),
	bad("neither sealed nor not", 2, addSwap+" --seal maybe", `"maybe"|on|off`),
	bad("supervised or not", 2, addSwap+" --supervise maybe", `"maybe"|on|off`),
	bad("supervised loop", 2, addLoop+" --supervise on", "--supervise means nothing"),
	bad("recover two", 2, "ublk recover 1 2", `unexpected argument "2"`),
	bad("recover a word", 2, "ublk recover all", `"all" is not a device`),
	bad("recover what is not there", 1, "ublk recover --state-root state", "no device without a server|farswap ublk list"),
	bad("upgrade two", 2, "ublk upgrade 1 2", `unexpected argument "2"`),
	bad("upgrade a word", 2, "ublk upgrade all", `"all" is not a device`),
	bad("upgrade nothing", 1, "ublk upgrade --state-root state", "farswap ublk add"),
	bad("upgrade what is not there", 1, "ublk upgrade 7 --state-root state", "no server|farswap ublk list"),
	bad("upgrade without time", 2, "ublk upgrade 7 --timeout 0s --state-root state", "--timeout|1ms to"),
	bad("seal of loop", 2, addLoop+" --seal off", "--seal means nothing"),
	bad("acknowledge policy of loop", 2, addLoop+" --ack strict", "--ack means nothing"),
	bad("operation timeout of null", 2, addNull+" --op-timeout 1s", "--op-timeout means nothing"),
	bad("patience of null", 2, addNull+" --patience 1s", "--patience means nothing"),
	bad("probes of hdd", 2, addHDD+" --probes off", "--probes means nothing"),
	bad("name of hdd", 2, addHDD+" --name a", "--name means nothing"),
	bad("depth of hdd", 2, addHDD+" --depth 1", "--depth means nothing with --target hdd: a disk has one head"),
	bad("target before its options", 2, addNull+" --target floppy --hot 2", `"floppy"`),
	bad("queues of hdd", 2, addHDD+" --queues 2", "--queues means nothing with --target hdd"),
	bad("backing of hdd", 2, addHDD+" --backing /tmp/x", "--backing means nothing with --target hdd"),
	bad("loop without file", 2, addNull+" --target loop", "--target loop needs --backing PATH"),
	bad("priority", 2, addNull+" --swapon --priority 32768", "0 to 32767"),
	bad("priority alone", 2, addNull+" --priority 1", "without --swapon"),

	bad("no identity", 2, "ublk add"+noConfig+" --size 64M --donor localhost:1 --backing back", "--cert FOLDER|--insecure"),
	bad("insecure elsewhere", 2, addSwap+" --donor 10.0.0.1:9400", "10.0.0.1:9400|loopback addresses only"),
	bad("insecure by name", 2, addSwap+" --donor mem1:9400", "mem1:9400|loopback addresses only"),
	bad("insecure with identity", 2, addSwap+" --cert id", "exclude each other"),
	bad("identity missing", 1, "ublk add"+noConfig+" --size 64M --donor localhost:1 --backing back --cert nowhere", "nowhere|farswap cert issue"),
	bad("identity open to all", 1, "ublk add"+noConfig+" --size 64M --donor localhost:1 --backing back --cert open", "chmod 600"),
	bad("identity mixed", 1, "ublk add"+noConfig+" --size 64M --donor localhost:1 --backing back --cert mixed", "mixed"),
	bad("identity of a donor", 1, "donor"+noConfig+" --memory 8M --cert nowhere", "nowhere|farswap cert issue"),

	bad("config missing", 2, "ublk add --config nothing.toml", "nothing.toml"),
	bad("config key", 2, "ublk add --config key.toml", `key.toml|unknown key "sise"`),
	bad("config section", 2, "ublk add --config section.toml", `unknown key "device"`),
	bad("config value", 2, "ublk add --config value.toml", `key "size"|"64MB"`),
	bad("config syntax", 2, "ublk add --config syntax.toml", "syntax.toml|line 2"),
	bad("config key of another command", 2, "donor --config add.toml", `unknown key "backing"`),
	bad("config, then checked", 2, "ublk add --config add.toml --depth 5000", "depth 5000"),

	bad("swapoff at a stop", 2, addSwap+" --swapoff-on-stop maybe", `--swapoff-on-stop "maybe"|auto, on or off`),
	bad("swapoff at a stop of null", 2, addNull+" --swapoff-on-stop yes", "auto, on or off"),
	bad("stop with what is no flag's value", 2, "ublk stop 7 --swapoff=off7", "--swapoff"),
	bad("stop and swapoff of none", 1, "ublk stop 7 --swapoff --state-root state", "/dev/ublkb7 is not a farswap device"),
	bad("stop nothing", 2, "ublk stop", "DEVICE"),
	bad("stop two", 2, "ublk stop 1 2", `unexpected argument "2"`),
	bad("stop a word", 2, "ublk stop all", `"all" is not a device`),
	bad("stop another path", 2, "ublk stop /dev/sda1", `"/dev/sda1" is not a device`),
	bad("stop a negative", 2, "ublk stop -- -1", `"-1" is not a device`),
	bad("stop none", 1, "ublk stop 7 --state-root state", "/dev/ublkb7 is not a farswap device|farswap ublk list"),
	bad("del nothing", 2, "ublk del", "DEVICE"),
	bad("del a word", 2, "ublk del all", `"all" is not a device`),
	bad("status of none", 1, "ublk status --state-root state", "no farswap device here"),
	bad("status of one that is not", 1, "ublk status 7 --state-root state", "/dev/ublkb7|no server answers"),
	bad("status of two", 2, "ublk status 1 2", `unexpected argument "2"`),
	bad("status of a donor that is not", 1, "donor status d --state-root state", "donor d|no server answers"),
	bad("status of no donor", 1, "donor status --state-root state", "no donor runs here"),

	bad("metrics address", 2, "metrics"+noConfig+" --listen 9481", `"9481"|HOST:PORT`),
	bad("metrics for others", 2, "metrics"+noConfig+" --listen :9481", ":9481|--cert FOLDER|--plain"),
	bad("metrics for others by name", 2, "metrics"+noConfig+" --listen db1:9481", "db1:9481|--plain"),
	bad("metrics plain and not", 2, "metrics"+noConfig+" --plain --cert good", "exclude each other"),
	bad("metrics without identity", 1, "metrics"+noConfig+" --listen :0 --cert nowhere", "nowhere|farswap cert issue"),
	bad("metrics once, served", 2, "metrics"+noConfig+" --once --listen :9481", "--listen means nothing with --once"),
	bad("metrics of too few", 2, "metrics"+noConfig+" --cgroups=-1", "--cgroups -1"),
	bad("metrics without state", 1, "metrics --config /dev/null --once --state-root key.toml", "key.toml|not a directory"),
	bad("metrics argument", 2, "metrics 1", `unexpected argument "1"`),
	bad("dash everywhere", 2, runDash+" --listen :0", "not a loopback address|--cert FOLDER|--token-file"),
	bad("dash elsewhere with a token", 2, runDash+" --listen 10.0.0.1:9480 --token-file token", "10.0.0.1:9480|--cert FOLDER"),
	bad("dash without a port", 2, runDash+" --listen localhost", `"localhost"|HOST:PORT`),
	bad("dash with a short token", 2, runDash+" --token-file short", "short|at least 20|head -c 24"),
	bad("dash with an open token", 2, runDash+" --token-file opentoken", "opentoken|chmod 600"),
	bad("dash without its token", 2, runDash+" --token-file nothing", "nothing|head -c 24"),
	bad("dash with no identity", 1, runDash+" --listen :0 --cert nowhere", "nowhere|farswap cert issue"),
	bad("dash peer", 2, runDash+" --peer mem1", `"mem1"|HOST:PORT`),
	bad("dash peer elsewhere", 2, runDash+" --peer mem1:9480", "mem1:9480|--cert FOLDER|ssh -L"),
	bad("dash interval", 2, runDash+" --interval 1ms", "--interval 1ms|100ms"),
	bad("dash argument", 2, runDash+" 7", `unexpected argument "7"`),

	bad("donor memory missing", 2, "donor"+noConfig, "--memory is missing"),
	bad("donor memory small", 2, runDonor+" --memory 1M", "at least one slab"),
	bad("donor memory large", 2, runDonor+" --memory 4P", "this machine has|lend less"),
	bad("donor address", 2, runDonor+" --listen 9400", `"9400"`),
	bad("donor port", 2, runDonor+" --listen 127.0.0.1:99999", "99999"),
	bad("donor data address", 2, runDonor+" --data-listen here", `"here"`),
	bad("donor name", 2, runDonor+" --name a/b", `"a/b"`),
	bad("donor lease", 2, runDonor+" --lease=-1s", "-1s"),
	bad("donor transport", 2, runDonor+" --transport pigeon", `"pigeon"|auto, rdma or tcp`),
	bad("donor RDMA address", 2, runDonor+" --rdma-listen here", `"here"`),
	bad("donor RDMA port", 2, runDonor+" --rdma-port 1", "without --rdma-device"),
	bad("donor RDMA MTU", 2, runDonor+" --rdma-mtu=-1", "--rdma-mtu -1"),
	bad("donor RDMA insecure elsewhere", 2, runDonor+" --rdma-listen 0.0.0.0:9402", "loopback addresses only"),
	bad("config of RDMA", 2, "ublk add --config rdma.toml", "--rdma-mtu 77"),
	bad("donor insecure elsewhere", 2, runDonor+" --listen :9400", "loopback addresses only"),
	bad("donor data insecure elsewhere", 2, runDonor+" --data-listen 0.0.0.0:9401", "loopback addresses only"),
	bad("donor memory and headroom", 2, runDonor+" --headroom 4P", "headroom|lend less, or keep less"),
	bad("donor headroom word", 2, runDonor+" --headroom lots", `"lots"|a share such as 25%`),
	bad("donor headroom all", 2, runDonor+" --headroom 100%", `"100%" is not a share`),
	bad("donor headroom negative", 2, runDonor+" --headroom=-5%", `"-5%" is not a share`),
	bad("donor allow without TLS", 2, runDonor+" --allow a", "without TLS devices have none"),
	bad("donor allow nobody", 2, certDonor+" --allow =2G", `allowed name ""`),
	bad("donor allow twice", 2, certDonor+" --allow a --allow a=1G", `"a"|twice`),
	bad("donor allow nothing", 2, certDonor+" --allow a=0", `--allow "a=0"|more than 0`),
	bad("donor allow less than a slab", 2, certDonor+" --allow a=1M", "less than the smallest slab"),
	bad("donor allow bound", 2, certDonor+" --allow a=lots", `"lots" is not a size`),
	bad("donor allow option", 2, certDonor+" --allow a,keep=1G", `"keep=1G"|reserve=SIZE`),
	bad("donor reserve above bound", 2, certDonor+" --allow a=4M,reserve=8M", "8388608 bytes are reserved, but it may have 4194304"),
	bad("donor reserves above memory", 2, certDonor+" --allow a,reserve=4M --allow b,reserve=8M", `"b"|only 4194304 are left to reserve`),
	bad("donor announces without gossip", 2, certDonor+" --announce good", "--announce means nothing without --gossip-key"),
	bad("donor announces a port", 2, certDonor+gossips+" --announce good:94o0", `"good:94o0"|1 to 65535`),
	bad("donor announces no host", 2, certDonor+gossips+" --announce :9400", "the host is missing"),
	bad("donor announces all hosts", 2, certDonor+gossips+" --announce 0.0.0.0", "the host is missing"),
	bad("donor announces no name", 2, certDonor+gossips+" --announce a/b", `"a/b"|neither a host name nor an IP address`),
	bad("donor announces another", 2, certDonor+gossips+" --announce mem9.lan:9400", `"good" is for 127.0.0.1, good, and not for mem9.lan|farswap cert issue --host mem9.lan`),
	bad("donor announces without TLS", 2, runDonor+gossips+" --announce mem9", `"mem9"|loopback addresses only`),
	bad("drain no donor", 1, "donor drain --state-root state", "no donor runs here"),
	bad("drain one that is not", 1, "donor drain d --state-root state", "donor d|no server answers"),
	bad("drain two", 2, "donor drain a b", `unexpected argument "b"`),
	bad("drain without time", 2, "donor drain d --timeout 0s --state-root state", "--timeout 0s"),
	bad("resize nothing", 2, "donor resize --state-root state", "say what is to change"),
	bad("resize to nothing", 2, "donor resize --memory 0 --state-root state", "farswap donor drain"),
	bad("resize word", 2, "donor resize --memory lots --state-root state", `"lots" is not a size`),
	bad("resize no donor", 1, "donor resize --memory 1G --state-root state", "no donor runs here"),
	bad("resize one that is not", 1, "donor resize d --memory 1G --state-root state", "donor d|no server answers"),
	bad("upgrade no donor", 1, "donor upgrade --state-root state", "no donor runs here"),
	bad("upgrade one that is not", 1, "donor upgrade d --state-root state", "donor d|no server answers"),
	bad("upgrade two", 2, "donor upgrade a b", `unexpected argument "b"`),
	bad("upgrade without time", 2, "donor upgrade d --timeout 0s --state-root state", "--timeout 0s"),
	bad("donor argument", 2, runDonor+" more", `unexpected argument "more"`),

	bad("authority nowhere", 2, "cert init", "FOLDER"),
	bad("authority name", 2, "cert init new --name a/b", `"a/b"`),
	bad("authority exists", 1, "cert init ca", "exists|remove it, or choose another folder"),
	bad("issue without authority", 2, "cert issue new", "--ca FOLDER and --name NAME"),
	bad("issue from nothing", 1, "cert issue --ca nowhere --name a new", "nowhere|farswap cert init"),
	bad("issue a bad name", 2, "cert issue --ca ca --name a/b new", `"a/b"`),
	bad("issue for a bad host", 2, "cert issue --ca ca --name a --host h:1 new", `"h:1"`),

	bad("list without authority", 2, "cert list", "--ca FOLDER is needed"),
	bad("list from nothing", 1, "cert list --ca nowhere", "nowhere|farswap cert init"),
	bad("list of one", 2, "cert list --ca ca db1", `unexpected argument "db1"`),
	bad("list of a damaged record", 1, "cert list --ca damaged", "damaged/issued.json|invalid character"),
	bad("show nothing", 2, "cert show", "FOLDER"),
	bad("show nowhere", 1, "cert show nowhere", "nowhere"),
	badArgs("show an empty folder", 2, "cert show", "FOLDER", ""),
	bad("show an authority", 1, "cert show ca", "ca/identity.crt"),
	bad("show a certificate that is a FIFO", 1, "cert show piped", "piped/identity.crt: not a regular file"),
	bad("renew nothing", 2, "cert renew --ca ca", "FOLDER"),
	bad("renew without authority", 2, "cert renew good", "--ca FOLDER is needed"),
	bad("renew from nothing", 1, "cert renew --ca nowhere good", "nowhere|farswap cert init"),
	bad("renew nowhere", 1, "cert renew --ca ca nowhere", "nowhere"),
	bad("renew as nothing", 2, "cert renew --ca ca --role king good", `"king"|donor, device, viewer`),
	bad("issue as nothing", 2, "cert issue --ca ca --name a --role king new", `"king"|donor, device, viewer`),
	badArgs("issue as an empty role", 2, "cert issue --ca ca --name a new", "--role: the value is empty", "--role", ""),
	bad("revoke nothing", 2, "cert revoke --ca ca", "NAME or SERIAL"),
	bad("revoke without authority", 2, "cert revoke good", "--ca FOLDER is needed"),
	bad("revoke from nothing", 1, "cert revoke --ca nowhere good", "nowhere|farswap cert init"),
	bad("revoke nobody", 2, "cert revoke --ca ca nobody", `"nobody"|give its serial number`),
	bad("revoke two", 2, "cert revoke --ca ca good open", `unexpected argument "open"`),
	badArgs("revoke an empty name", 2, "cert revoke --ca ca", "NAME", ""),

	bad("identity with a FIFO", 1, "ublk add"+noConfig+" --size 64M --donor localhost:1 --backing back --cert piped", "piped/identity.crt: not a regular file"),
	bad("identity with a device as key", 1, "donor"+noConfig+" --memory 8M --cert zero --listen 127.0.0.1:0 --name d", "zero/identity.key: not a regular file"),
	bad("revocation list a FIFO", 1, certDonor+" --revoked fifo", "fifo: not a regular file"),
	bad("revocation list a device", 1, certDonor+" --revoked /dev/zero", "/dev/zero: not a regular file"),
	bad("revocation list missing", 1, certDonor+" --revoked nothing", "nothing"),
	bad("revocation list of no authority", 1, certDonor+" --revoked key.toml", `key.toml|no PEM block "X509 CRL"`),
	bad("revocation list without identity", 2, runDonor+" --revoked nothing", "--revoked means nothing without --cert"),
	bad("gossip key a FIFO", 1, certDonor+" --gossip-listen 127.0.0.1:0 --gossip-key fifo", "fifo: not a regular file"),
	bad("gossip key a device", 1, addSwap+" --gossip-key /dev/zero", "/dev/zero: not a regular file"),
	bad("gossip key a folder", 1, addSwap+" --gossip-key new", "new: not a regular file"),
	bad("members with a key that is a FIFO", 1, "cluster members --join 127.0.0.1:1 --gossip-key fifo", "fifo: not a regular file"),
	bad("dash with an identity of FIFOs", 1, runDash+" --listen :0 --cert piped", "piped/identity.crt: not a regular file"),
	bad("metrics with an identity of FIFOs", 1, "metrics"+noConfig+" --listen :0 --cert piped", "piped/identity.crt: not a regular file"),
	bad("sim workload a FIFO", 2, "sim paper --workload fifo", "fifo: not a regular file"),
	bad("sim workload a device", 2, "sim paper --workload /dev/zero", "/dev/zero: not a regular file"),
	bad("compare a FIFO", 1, "bench compare fifo", "fifo: not a regular file"),
	bad("report a FIFO", 1, "bench report fifo", "fifo: not a regular file"),
	bad("bench against a FIFO", 1, "bench run --workload gups --compare fifo", "fifo: not a regular file"),
	bad("load no disk", 2, "bench load --path fifo --size 1M", "fifo is neither a block device nor a file"),
	bad("loop overwrites nothing", 2, addLoop+" --overwrite", "--target loop|--swapon"),
	bad("loop in memory", 2, addLoop+" --backing-in-memory", "--target loop|--swapon"),
	bad("overwrite nothing", 2, addNull+" --overwrite", "--overwrite means nothing with --target null"),

	bad("bench size", 2, "bench paging --size 5000", "5000"),
	bad("bench size missing", 2, "bench paging", "memory"),
	bad("bench pattern", 2, "bench paging --size 1M --pattern spiral", `"spiral"`),
	bad("bench share", 2, "bench paging --size 1M --write-share 2", "share"),
	bad("load nothing", 2, "bench load --size 1M", "path"),
	bad("load no device", 1, "bench load --path nothing --size 1M", "open nothing"),
	bad("load no size", 2, "bench load --path nothing", "bytes"),
	bad("grow to nothing", 2, "bench grow", "0 bytes"),
	bad("grow too slowly", 2, "bench grow --size 1M --rate 1K", "1024 bytes a second"),
	bad("work nothing", 2, "bench work", "NAME of a program"),
	bad("work unknown", 2, "bench work sort --size 1M", `"sort"|scan`),
	bad("work no size", 2, "bench work scan", `size ""`),
	bad("work size", 2, "bench work scan --size huge", `"huge"|small`),
	bad("work too small", 2, "bench work scan --size 1K", "1024 bytes"),
	bad("work without threads", 2, "bench work scan --size 1M --threads 0", "0 threads"),
	bad("bench of no workload", 2, "bench run --workload sort", `unknown workload "sort"|gups|bench run --help`),
	bad("bench on no backend", 2, "bench run --workload gups --backend floppy", `unknown backend "floppy"|zram`),
	bad("bench twice", 2, "bench run --workload gups,gups", `workload "gups": given twice`),
	bad("bench limit", 2, "bench run --workload gups --limit 150%", `"150%" is not a limit|1% to 100%`),
	bad("bench no runs", 2, "bench run --workload gups --runs 0", "0 runs"),
	bad("bench no time", 2, "bench run --workload gups --duration 20m", "20m|time limit of 10m0s"),
	bad("bench without size", 2, "bench run --workload gups --size huge", `"huge"|small, medium`),
	bad("bench page into nothing", 2, "bench run --workload gups --html nothing/page.html", "nothing is no folder"),
	bad("bench tolerance", 2, "bench run --workload gups --tolerance 2", "--tolerance 2"),
	bad("bench against nothing", 1, "bench run --workload gups --compare nothing.json", "nothing.json"),
	bad("bench against no result", 3, "bench run --workload gups --compare key.toml", "key.toml|not a usable result file"),
	bad("bench argument", 2, "bench run gups", `unexpected argument "gups"`),
	bad("report nothing", 2, "bench report", "FILE"),
	bad("report no file", 1, "bench report nothing.json", "nothing.json"),
	bad("report no result", 3, "bench report key.toml", "key.toml|not a usable result file"),
	bad("report twice", 2, "bench report x --json --markdown", "exclude each other"),
	bad("compare nothing", 2, "bench compare", "FILE"),
	bad("compare no file", 1, "bench compare nothing.json", "nothing.json"),
	bad("compare no result", 1, "bench compare key.toml", "key.toml is not a result"),

	bad("size of more than memory", 2, addSwap+" --size 8191P", "--size 8191P|this machine has"),
	bad("disk of more than memory", 2, addHDD+" --size 8191P", "--size 8191P|this machine has"),
	bad("size empty", 2, addSwap+" --size=", "is not a size"),
	bad("slab zero", 2, addSwap+" --slab 0", "--slab 0|more than 0"),
	bad("depth zero", 2, addSwap+" --depth 0", "--depth 0|more than 0"),
	bad("request zero", 2, addSwap+" --max-io 0", "--max-io 0|more than 0"),
	bad("id of 20 bits", 2, addSwap+" --id 1048576", "device id 1048576|0 to 1048575"),
	bad("id of 31 bits", 2, addNull+" --id 2147483648", "device id 2147483648"),
	bad("id of 32 bits", 2, addNull+" --id 4294967296", "device id 4294967296"),
	bad("id of 64 bits", 2, addNull+" --id 18446744073709551616", "--id"),
	bad("hot zero", 2, addSwap+" --hot 0", "--hot 0|more than 0"),
	bad("hot endless", 2, addSwap+" --hot Inf", "--hot +Inf"),
	bad("hot nonsense", 2, addSwap+" --hot NaN", "--hot NaN"),
	bad("hot large", 2, addSwap+" --hot 1e400", "--hot"),
	bad("operation timeout zero", 2, addSwap+" --op-timeout 0", "--op-timeout|1ms to 1h"),
	bad("operation timeout large", 2, addSwap+" --op-timeout 2h", "--op-timeout|1ms to 1h"),
	bad("operation timeout without unit", 2, addSwap+" --op-timeout 5", `"5" is not a duration|such as 500ms`),
	bad("patience zero", 2, addSwap+" --patience 0s", "--patience|1ms to 24h"),
	bad("patience large", 2, addSwap+" --patience 2562047h", "--patience|1ms to 24h"),
	bad("patience below an operation's", 2, addSwap+" --patience 10ms --op-timeout 20ms", "10ms"),
	bad("grace zero", 2, addSwap+" --grace 0s", "--grace|1ms to 1h"),
	bad("grace negative", 2, addSwap+" --grace=-1s", "--grace|1ms to 1h"),
	bad("grace large", 2, addSwap+" --grace 61m", "--grace|1ms to 1h"),
	bad("slow factor endless", 2, addSwap+" --slow-factor Inf", "factor +Inf"),
	bad("slow periods many", 2, addSwap+" --slow-periods 2000000000", "2000000000 periods"),
	bad("slow rate large", 2, addSwap+" --slow-rate 2000000000", "2000000000 slabs"),
	bad("slow reads large", 2, addSwap+" --slow-reads 2000000000", "2000000000 reads"),
	bad("slow period long", 2, addSwap+" --slow-period 2h", "period of 2h"),
	bad("queues many", 2, addSwap+" --queues 99999999999999999999", "--queues"),
	bad("priority negative", 2, addNull+" --swapon --priority=-2", "--priority -2"),
	bad("donor port zero", 2, addSwap+" --donor 10.1.1.1:0", "10.1.1.1:0"),
	bad("donor port negative", 2, addSwap+" --donor localhost:-1", "localhost:-1"),
	badArgs("donor empty", 2, addSwap, "--donor: the value is empty", "--donor", ""),
	bad("donor empty in a list", 2, addSwap+" --donor 127.0.0.1:2,", "--donor: the value is empty"),
	badArgs("backing empty", 2, addSwap, "--backing: the value is empty", "--backing", ""),
	badArgs("certificate empty", 2, addSwap, "--cert: the value is empty", "--cert", ""),
	badArgs("device name empty", 2, addSwap, "--name: the value is empty", "--name", ""),
	bad("device name", 2, addSwap+" --name a/b", `"a/b"`),
	badArgs("state root empty", 2, addNull, "--state-root: the value is empty", "--state-root", ""),
	badArgs("target empty", 2, addNull, "--target: the value is empty", "--target", ""),
	bad("gossip address without a key", 2, addSwap+" --gossip-listen 127.0.0.1:0", "--gossip-listen means nothing without --gossip-key"),
	bad("gossip port", 2, addSwap+" --gossip-listen :70000 --gossip-key gossip", `port "70000"`),
	bad("gossip address", 2, addSwap+" --gossip-listen here --gossip-key gossip", `"here"|HOST:PORT`),
	bad("join without a host", 2, addSwap+" --join :9403 --gossip-key gossip", "the host is missing"),
	bad("join port zero", 2, addSwap+" --join mem1:0 --gossip-key gossip", `port "0"`),
	badArgs("gossip key empty", 2, addSwap, "--gossip-key: the value is empty", "--gossip-key", ""),
	bad("RDMA port negative", 2, addSwap+" --rdma-device rxe0 --rdma-port=-1", "--rdma-port -1"),
	bad("RDMA GID large", 2, addSwap+" --rdma-gid 256", "--rdma-gid 256"),
	bad("sparse without a file", 2, addSwap+" --backing none --accept-loss --sparse", "--sparse means nothing"),
	bad("sparse of null", 2, addNull+" --sparse", "--sparse means nothing"),
	bad("grace of null", 2, addNull+" --grace 1s", "--grace means nothing"),

	bad("config a FIFO", 2, "ublk add --config fifo", "fifo|not a regular file"),
	bad("config a folder", 2, "ublk add --config new", "new|not a regular file"),
	bad("config a device", 2, "ublk add --config /dev/zero", "/dev/zero|not a regular file"),
	bad("config too large", 2, "ublk add --config large.toml", "large.toml|more than"),
	badArgs("config empty", 2, "ublk add", "--config: the value is empty", "--config", ""),
	bad("config with an empty value", 2, "ublk add --config empty.toml", `key "cert"|the value is empty`),
	bad("config with an empty element", 2, "ublk add --config emptylist.toml", `key "donor"|the value is empty`),
	bad("config out of bounds", 2, "ublk add --config bounds.toml", `key "patience"|1ms to 24h`),

	bad("stop without time", 2, "ublk stop 7 --timeout 0s --state-root state", "--timeout|1ms to"),
	bad("stop in the past", 2, "ublk stop 7 --timeout=-1s --state-root state", "--timeout|1ms to"),
	badArgs("stop an empty one", 2, "ublk stop", "DEVICE", ""),
	bad("stop a large one", 2, "ublk stop 4294967296", `"4294967296" is not a device`),
	bad("status of a large one", 2, "ublk status 1048576", `"1048576" is not a device`),
	badArgs("status of an empty one", 2, "ublk status", "the argument is empty", ""),
	badArgs("del an empty one", 2, "ublk del", "DEVICE", ""),
	badArgs("why an empty slab", 2, "ublk why", "SLAB", ""),
	bad("why a negative slab", 2, "ublk why --state-root state -- -1", `"-1" is not a slab`),
	badArgs("list of an empty root", 2, "ublk list", "--state-root: the value is empty", "--state-root", ""),
	bad("status of a donor elsewhere", 2, "donor status ../x --state-root state", `"../x" is not the name of a donor`),
	bad("status of a donor with a path", 2, "donor status a/b --state-root state", `"a/b" is not the name of a donor`),
	badArgs("status of a donor without a name", 2, "donor status --state-root state", "the argument is empty", ""),
	bad("drain a donor elsewhere", 2, "donor drain ../x --state-root state", `"../x" is not the name of a donor`),
	bad("resize a donor elsewhere", 2, "donor resize ../x --memory 1G --state-root state", `"../x" is not the name of a donor`),
	bad("upgrade a donor elsewhere", 2, "donor upgrade ../x --state-root state", `"../x" is not the name of a donor`),
	bad("drain in the past", 2, "donor drain d --timeout=-1s --state-root state", "--timeout -1s"),
	bad("events of a large one", 2, "ublk events 4294967296 --state-root state", `"4294967296" is not a device`),

	bad("donor ahead large", 2, runDonor+" --ahead 200000000000", "--ahead|-1 to 65536"),
	bad("donor ahead negative", 2, runDonor+" --ahead=-2", "--ahead|-1 to 65536"),
	bad("donor ahead word", 2, runDonor+" --ahead all", "--ahead|-1 to 65536"),
	bad("donor lease short", 2, runDonor+" --lease 0.0000001ns", "--lease|1ms to 24h"),
	bad("donor lease zero", 2, runDonor+" --lease 0", "--lease|1ms to 24h"),
	bad("donor lease long", 2, runDonor+" --lease 25h", "--lease|1ms to 24h"),
	bad("donor gossips without a key", 2, runDonor+" --gossip-listen 127.0.0.1:0", "--gossip-listen means nothing without --gossip-key"),
	bad("donor gossip port", 2, runDonor+" --gossip-listen 127.0.0.1:70000 --gossip-key gossip", `port "70000"`),
	bad("donor joins no port", 2, runDonor+gossips+" --join mem1", `"mem1"|HOST:PORT`),
	bad("donor data port", 2, runDonor+" --data-listen 127.0.0.1:70000", "70000"),
	bad("donor RDMA data port", 2, runDonor+" --rdma-listen 127.0.0.1:70000", "70000"),
	bad("donor without ports for data", 2, "donor"+noConfig+" --memory 8M --insecure --listen 127.0.0.1:65535 --name d", "no port is left"),
	badArgs("donor address empty", 2, runDonor, "--listen: the value is empty", "--listen", ""),
	badArgs("donor data address empty", 2, runDonor, "--data-listen: the value is empty", "--data-listen", ""),
	badArgs("donor name empty", 2, runDonor, "--name: the value is empty", "--name", ""),
	badArgs("donor allow empty", 2, certDonor, "--allow: the value is empty", "--allow", ""),
	badArgs("donor announces nothing", 2, certDonor+gossips, "--announce: the value is empty", "--announce", ""),
	bad("donor memory negative", 2, runDonor+" --memory=-8M", "is not a size"),
	bad("donor name long", 2, runDonor+" --name "+strings.Repeat("a", 65), "64 letters"),

	badArgs("authority in no folder", 2, "cert init", "FOLDER", ""),
	badArgs("issue for an empty host", 2, "cert issue --ca ca --name a new", "--host: the value is empty", "--host", ""),
	bad("issue for an empty host of a list", 2, "cert issue --ca ca --name a --host h, new", "--host: the value is empty"),
	badArgs("issue an empty name", 2, "cert issue --ca ca new", "--name: the value is empty", "--name", ""),
	badArgs("key in no file", 2, "cluster key", "FILE", ""),
	bad("key exists", 1, "cluster key gossip", "gossip|choose another file"),
	bad("members without a key", 2, "cluster members --join 127.0.0.1:1", "--gossip-key FILE"),
	bad("members at a bad port", 2, "cluster members --gossip-key gossip --gossip-listen 127.0.0.1:0 --join 127.0.0.1:70000", `port "70000"`),

	bad("metrics port", 2, "metrics"+noConfig+" --listen 127.0.0.1:70000", `port "70000"`),
	bad("metrics of too many", 2, "metrics"+noConfig+" --cgroups 100000000000", "--cgroups 100000000000"),
	badArgs("metrics address empty", 2, "metrics"+noConfig, "--listen: the value is empty", "--listen", ""),
	bad("dash port", 2, runDash+" --listen 127.0.0.1:70000", "70000"),
	bad("dash interval long", 2, runDash+" --interval 1h", "--interval 1h"),
	bad("dash with a token that is a FIFO", 2, runDash+" --token-file fifo", "not a regular file"),
	badArgs("dash peer empty", 2, runDash, "--peer: the value is empty", "--peer", ""),
	bad("dash peer port", 2, runDash+" --peer 127.0.0.1:70000", "70000"),
	bad("top interval", 2, "top --interval 1ns", "--interval 1ns|100ms"),
	bad("top arguments", 2, "top 7 8", `unexpected argument "8"`),

	bad("bench size large", 2, "bench paging --size 8191P", "at most"),
	bad("bench operations negative", 2, "bench paging --size 1M --ops=-1", "-1"),
	bad("bench threads none", 2, "bench paging --size 1M --threads 0", "0 threads"),
	bad("bench threads many", 2, "bench paging --size 1M --threads 100000", "100000 threads"),
	bad("bench share nonsense", 2, "bench paging --size 1M --write-share NaN", "NaN"),
	bad("load threads", 2, "bench load --path nothing --size 1M --threads=-1", "-1 threads"),
	badArgs("load an empty path", 2, "bench load --size 1M", "--path: the value is empty", "--path", ""),
	bad("grow beyond addresses", 2, "bench grow --size 8191P", "at most"),
	bad("grow and check less than nothing", 2, "bench grow --size 1M --checks=-1", "-1 pages"),
	bad("grow and end before", 2, "bench grow --size 1M --after=-1s", "-1s"),
	bad("work beyond addresses", 2, "bench work scan --size 8191P", "at most"),
	bad("verbs depth", 2, "bench verbs --depth 0", "depth of 0"),
	bad("verbs depth large", 2, "bench verbs --depth 100000", "depth of 100000"),
	bad("verbs size", 2, "bench verbs --size 2M", "2M"),
	bad("verbs operation", 2, "bench verbs --op erase", "erase"),
	bad("verbs spin long", 2, "bench verbs --spin 2s", "spin of 2s"),
	bad("verbs spin negative", 2, "bench verbs --spin=-1s", "spin of -1s"),
	bad("verbs count", 2, "bench verbs --ops=-1", "--ops -1"),
	bad("ping-pong with nobody", 2, "bench pingpong", "--listen or --connect"),
	bad("ping-pong with a name alone", 2, "bench pingpong --connect mem1", `"mem1"|HOST:PORT`),
	bad("ping-pong at a bad port", 2, "bench pingpong --listen 127.0.0.1:70000", `port "70000"`),
	bad("ping-pong with port zero", 2, "bench pingpong --connect 127.0.0.1:0", `port "0"`),
	bad("ping-pong in no time", 2, "bench pingpong --connect 127.0.0.1:1 --duration 0s", "--duration 0s"),
	bad("bench many runs", 2, "bench run --workload gups --runs 1000000000", "1000000000 runs"),
	bad("bench warm-up", 2, "bench run --workload gups --warmup=-1", "-1 warm-up"),
	bad("bench long", 2, "bench run --workload gups --time-limit 1000000h", "time limit"),
	badArgs("bench of an empty workload", 2, "bench run", "--workload: the value is empty", "--workload", ""),
	bad("bench tolerance nonsense", 2, "bench run --workload gups --tolerance NaN", "--tolerance NaN"),
	badArgs("report of an empty name", 2, "bench report", "FILE", ""),
	bad("report as text and no page", 2, "bench report key.toml --html=", "--html: the value is empty"),

	bad("sim runs", 2, "sim paper --runs 0", "--runs 0"),
	bad("sim choices", 2, "sim paper --choices 0", "0 choices"),
	bad("sim extra", 2, "sim paper --extra=-1", "-1 extra"),
	bad("sim slab", 2, "sim paper --slab 1", "slab of 1 bytes"),
	bad("sim noise", 2, "sim latency --noise NaN", "noise = NaN"),
	bad("sim hours", 2, "sim scale --hours 0", "hours = 0"),
	bad("sim machines", 2, "sim scale --machines=-5", "machines = -5"),
	bad("sim workload", 2, "sim paper --workload nothing", "nothing"),
	badArgs("sim workload empty", 2, "sim paper", "--workload: the value is empty", "--workload", ""),
	bad("sim picture", 2, "sim paper --plot new --plot-format gif", `"gif"`),
	badArgs("doctor for nobody", 2, "doctor", "--for: the value is empty", "--for", ""),
	bad("doctor RDMA port", 2, "doctor --rdma-port=-1", "--rdma-port -1"),
	bad("version of something", 2, "version farswap", `unexpected argument "farswap"`),
}

// badArgs is bad with arguments that stand after those of args and may be empty.
func badArgs(name string, code int, args, parts string, more ...string) badCase {
	c := bad(name, code, args, parts)
	c.args = append(c.args, more...)
	return c
}

// leastBadInputs is how many bad inputs the table has at least.
const leastBadInputs = 250

func TestBadInput(t *testing.T) {
	if len(badInputs) < leastBadInputs {
		t.Errorf("only %d bad inputs", len(badInputs))
	}
	dir := t.TempDir()
	prepareBadInput(t, dir)
	for i, c := range badInputs {
		t.Run(c.name, func(t *testing.T) {
			c.run(t, dir)
			if i%spawnedEach == 0 {
				c.spawn(t, dir)
			}
		})
	}
}

// spawnedEach says how many of the bad inputs are tried in a process of their own, too.
const spawnedEach = 10

// prepareBadInput makes the files that the cases name.
func prepareBadInput(t *testing.T, dir string) {
	t.Helper()
	path := func(names ...string) string { return filepath.Join(append([]string{dir}, names...)...) }
	write(t, path("key.toml"), "sise = '64M'\n", 0o600)
	write(t, path("section.toml"), "[device]\nsize = '64M'\n", 0o600)
	write(t, path("value.toml"), "size = '64MB'\n", 0o600)
	write(t, path("syntax.toml"), "size = '64M'\ndepth = \n", 0o600)
	write(t, path("large.toml"), strings.Repeat("#", 1<<20+1), 0o600)
	write(t, path("empty.toml"), "size = '64M'\ncert = ''\n", 0o600)
	write(t, path("emptylist.toml"), "size = '64M'\ndonor = ['a:1', '']\n", 0o600)
	write(t, path("bounds.toml"), "size = '64M'\npatience = '0s'\n", 0o600)
	write(t, path("token"), "correct-horse-battery-staple\n", 0o600)
	write(t, path("opentoken"), "correct-horse-battery-staple\n", 0o644)
	write(t, path("short"), "secret\n", 0o600)
	write(t, path("add.toml"), "size = '64M'\ninsecure = true\ndonor = ['127.0.0.1:1']\nbacking = 'back'\n", 0o600)
	write(t, path("rdma.toml"), "size = '64M'\ninsecure = true\ndonor = ['127.0.0.1:1']\nbacking = 'back'\nspin = '50us'\nrdma-gid = 3\nrdma-mtu = 77\n", 0o600)
	for _, err := range []error{
		control.InitCA(path("ca"), "ca"),
		control.Issue(path("ca"), path("open"), "open", nil),
		control.Issue(path("ca"), path("mixed"), "mixed", nil),
		control.Issue(path("ca"), path("good"), "good", []string{"127.0.0.1"}),
		cluster.WriteKey(path("gossip")),
		os.Mkdir(path("new"), 0o700),
		unix.Mkfifo(path("fifo"), 0o600),
		os.Mkdir(path("piped"), 0o700),
		unix.Mkfifo(path("piped", "identity.crt"), 0o600),
		control.Issue(path("ca"), path("zero"), "zero", nil),
		os.Remove(path("zero", "identity.key")),
		os.Symlink("/dev/zero", path("zero", "identity.key")),
		control.InitCA(path("damaged"), "damaged"),
		os.WriteFile(path("damaged", "issued.json"), []byte("no record\n"), 0o600),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	key, err := os.ReadFile(path("open", "identity.key"))
	if err != nil {
		t.Fatal(err)
	}
	authority, err := os.ReadFile(path("ca", "ca.crt"))
	if err != nil {
		t.Fatal(err)
	}
	write(t, path("piped", "ca.crt"), string(authority), 0o600)
	write(t, path("open", "identity.key"), string(key), 0o644)
	write(t, path("mixed", "identity.key"), string(key), 0o600)
}

// TestNoDriver is about kernels without ublk. Where there is one, what these
// commands do is for the suite on a real kernel.
func TestNoDriver(t *testing.T) {
	var cases []badCase
	if _, err := os.Stat("/dev/ublk-control"); err != nil {
		const advice = "the kernel has no ublk|modprobe ublk_drv"
		cases = []badCase{
			bad("swap", 1, addSwap, advice),
			bad("null", 1, addNull, advice),
			bad("del", 1, "ublk del 7 --state-root state", advice),
		}
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) { c.spawn(t, t.TempDir()) })
	}
}

func TestPortTaken(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	args := strings.Replace(runDonor, "127.0.0.1:0", l.Addr().String(), 1)
	bad("port taken", 1, args, l.Addr().String()+"|another donor may run here").spawn(t, t.TempDir())
	args = "metrics" + noConfig + " --listen " + l.Addr().String()
	bad("port of metrics taken", 1, args, l.Addr().String()+"|choose another --listen").spawn(t, t.TempDir())
}
