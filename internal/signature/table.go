package signature

// Kinds of content that [Probe] knows. SwapArea is exported for [SwapLabel].
const (
	SwapArea  = "a swap area"
	partition = "a partition table (MBR)"
)

const kib = 1 << 10

// mark is a magic number at a place.
type mark struct {
	kind  string
	at    int64 // bytes from the start
	magic string
}

// marks are searched in order, so what is surest stands first. The sources are the formats'
// specifications and the headers of the Linux kernel and of the tools that make them.
var marks = []mark{
	// cryptsetup, LUKS1 and LUKS2 on-disk format: magic of the first header; that of LUKS2's
	// second header stands at one of the sizes that a header can have.
	{"LUKS", 0, "LUKS\xba\xbe"},
	{"LUKS", 16 * kib, "SKUL\xba\xbe"},
	{"LUKS", 32 * kib, "SKUL\xba\xbe"},
	// Linux, fs/xfs/libxfs/xfs_format.h: XFS_SB_MAGIC at the start.
	{"xfs", 0, "XFSB"},
	// Linux, fs/squashfs/squashfs_fs.h: SQUASHFS_MAGIC, little endian.
	{"squashfs", 0, "hsqs"},
	// Linux, include/uapi/linux/btrfs_tree.h: BTRFS_MAGIC, 64 bytes into the superblock at 64 KiB.
	{"btrfs", 64*kib + 64, "_BHRfS_M"},
	// Linux, include/linux/f2fs_fs.h: F2FS_SUPER_OFFSET 1024, F2FS_SUPER_MAGIC 0xF2F52010.
	{"f2fs", kib, "\x10\x20\xf5\xf2"},
	// Linux, drivers/md/bcache/bcache_ondisk.h: SB_SECTOR 8, magic after csum, offset and version.
	{"bcache", 4*kib + 24, "\xc6\x85\x73\xf6\x4e\x1a\x45\xca\x82\x65\xf5\x7f\x48\xba\x6d\x81"},
	// Linux, fs/bcachefs/bcachefs_format.h: BCHFS_MAGIC at the same place.
	{"bcachefs", 4*kib + 24, "\xc6\x85\x73\xf6\x66\xce\x90\xa9\xd9\x6a\x60\xcf\x80\x3d\xf7\xef"},
	// ECMA-119 8.1: the volume descriptors begin at sector 16 of 2048 bytes, "CD001" after the type.
	{"iso9660", 32*kib + 1, "CD001"},
	// ECMA-167 2/9.1: the recognition sequence of UDF stands at the same place.
	{"udf", 32*kib + 1, "BEA01"},
	// Microsoft, NTFS and exFAT boot sectors: the name of the system after the jump.
	{"ntfs", 3, "NTFS    "},
	{"exfat", 3, "EXFAT   "},
	// Microsoft FAT specification 1.03: BS_FilSysType of FAT12/16 and of FAT32.
	{"vfat", 54, "FAT12   "},
	{"vfat", 54, "FAT16   "},
	{"vfat", 82, "FAT32   "},
	// UEFI 2.10, 5.3.2: the header stands in logical block 1, of 512 or 4096 bytes.
	{"a partition table (GPT)", 512, "EFI PART"},
	{"a partition table (GPT)", 4 * kib, "EFI PART"},
	// Linux, include/uapi/linux/raid/md_p.h: MD_SB_MAGIC 0xa92b4efc. Versions 1.1 and 1.2.
	{mdRAID, 0, mdMagic},
	{mdRAID, 4 * kib, mdMagic},
	// Linux, include/linux/swap.h: the last 10 bytes of the first page, whose size the machine has.
	{SwapArea, 4*kib - 10, "SWAPSPACE2"},
	{SwapArea, 8*kib - 10, "SWAPSPACE2"},
	{SwapArea, 16*kib - 10, "SWAPSPACE2"},
	{SwapArea, 64*kib - 10, "SWAPSPACE2"},
	{"a hibernated system", 4*kib - 10, "S1SUSPEND"},
	// Linux, fs/ext4/ext4.h: s_magic 0xEF53, 56 bytes into the superblock at 1 KiB. Two bytes are
	// little, so [Probe] checks more.
	{ext, kib + 56, "\x53\xef"},
}

const (
	ext     = "ext2, ext3 or ext4"
	mdRAID  = "a member of a RAID (md)"
	mdMagic = "\xfc\x4e\x2b\xa9"
	lvm     = "a physical volume of LVM"
	zfs     = "a member of a ZFS pool"
)
