# Keeps what a task prints: standard input goes to the log, without secrets and up to a limit, however much
# comes. At the end of input it leaves a result file of two JSON strings, the last bytes and the last line
# that is not empty, and rings the bell (standard output). Needs nothing but perl-base.
use strict;
use warnings;

my ($ticket, $log_path, $result_path, $secrets_path, $log_limit, $tail_limit) = @ARGV;
my $mask = '[hidden]';
my ($held, $written, $tail, $full) = ('', 0, '', 0);

sub secrets {
    open(my $file, '<:raw', $secrets_path) or return;
    local $/;
    my @fields = split(/\0/, <$file> // '', -1);
    my %wanted;
    while (@fields > 1) {
        my ($name, $value) = splice(@fields, 0, 2);
        # A shorter value would cut ordinary words out of every text.
        $wanted{$_} = 1 for grep { length($_) >= 6 } $value, split(/\R/, $value);
    }
    return sort { length($b) <=> length($a) } keys %wanted;
}

sub keep {
    my ($bytes) = @_;
    $tail = substr($tail . $bytes, -$tail_limit) if length($bytes);
    return if $full;
    my $room = $log_limit - $written;
    if (length($bytes) > $room) {
        $bytes = substr($bytes, 0, $room) . "\n[the output goes on; only this much is kept]\n";
        $full = 1;
    }
    $written += length($bytes);
    # A full disk must not stop the task: its output is read on, and lost.
    syswrite(LOG, $bytes) // ($full = 1) if length($bytes);
}

sub json {
    my ($text) = @_;
    my $good = qr/[\x00-\x7f]|[\xc2-\xdf][\x80-\xbf]|\xe0[\xa0-\xbf][\x80-\xbf]
                 |[\xe1-\xec\xee\xef][\x80-\xbf]{2}|\xed[\x80-\x9f][\x80-\xbf]
                 |\xf0[\x90-\xbf][\x80-\xbf]{2}|[\xf1-\xf3][\x80-\xbf]{3}|\xf4[\x80-\x8f][\x80-\xbf]{2}/x;
    $text =~ s/^[\x80-\xbf]{1,3}//;
    $text =~ s/($good)|(.)/defined $1 ? $1 : "\xef\xbf\xbd"/gse;
    $text =~ s/([\\"])/\\$1/g;
    $text =~ s/([\x00-\x1f\x7f])/sprintf('\\u%04x', ord($1))/ge;
    return "\"$text\"";
}

my @secrets = secrets();
my $pattern = join('|', map { quotemeta } @secrets);
my $overlap = @secrets ? length($secrets[0]) - 1 : 0;
open(LOG, '>>:raw', $log_path) or $full = 1;

while (1) {
    my $got = sysread(STDIN, my $chunk, 65536);
    next if !defined $got && $!{EINTR};
    last if !$got;
    $held .= $chunk;
    $held =~ s/$pattern/$mask/g if @secrets;
    my $ready = length($held) - $overlap;
    keep(substr($held, 0, $ready, '')) if $ready > 0;
}
keep($held);

my ($last) = grep { /\S/ } reverse split(/\n/, $tail);
$last //= '';
$last =~ s/^\s+|\s+$//g;
open(my $result, '>:raw', $result_path) or die "cannot write the result: $!\n";
print $result json($tail), "\n", json($last), "\n";
close($result) or die "cannot write the result: $!\n";
print "$ticket filtered\n";
