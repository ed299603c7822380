# Loads many of the modules that perl brings along, and the Unicode tables and encodings that some load when used.
use strict;
use warnings;

use AutoLoader; use B; use Benchmark; use Carp; use Compress::Zlib; use Config; use Cwd;
use Data::Dumper; use DB_File; use Devel::Peek; use Digest::MD5; use Digest::SHA; use DirHandle;
use Encode; use Encode::Guess; use English; use Env; use Errno; use Exporter; use Fcntl;
use File::Basename; use File::Compare; use File::Copy; use File::Find; use File::Glob; use File::Path;
use File::Spec; use File::stat; use File::Temp; use FileHandle; use Filter::Simple; use FindBin;
use Getopt::Long; use Getopt::Std; use Hash::Util; use HTTP::Tiny; use I18N::LangTags; use I18N::Langinfo;
use IO::Compress::Gzip; use IO::File; use IO::Select; use IO::Socket::INET; use IO::Socket::UNIX;
use IO::Uncompress::Gunzip; use IO::Zlib; use IPC::Cmd; use IPC::Open2; use IPC::Open3; use IPC::SysV;
use JSON::PP; use List::Util; use Locale::Maketext; use Math::BigFloat; use Math::BigInt; use Math::Complex;
use Math::Trig; use Memoize; use MIME::Base64; use MIME::QuotedPrint; use Module::CoreList; use Module::Load;
use Module::Metadata; use Net::FTP; use Net::SMTP; use Opcode; use Params::Check; use Pod::Checker; use Pod::Man;
use Pod::Simple; use Pod::Text; use Pod::Usage; use POSIX; use Safe; use Scalar::Util; use Search::Dict;
use SelectSaver; use SelfLoader; use Socket; use Storable; use Sub::Util; use Symbol; use Sys::Hostname;
use Sys::Syslog; use Term::ANSIColor; use Term::Cap; use Term::ReadLine; use Test::More; use Text::Abbrev;
use Text::Balanced; use Text::ParseWords; use Text::Tabs; use Text::Wrap; use Thread::Queue; use threads;
use Tie::Array; use Tie::File; use Tie::RefHash; use Time::HiRes; use Time::Local; use Time::Piece;
use Unicode::Collate; use Unicode::Normalize; use Unicode::UCD; use User::pwent; use XSLoader;

encode($_, "text") for qw(UTF-16LE iso-8859-15 cp1252 shiftjis euc-kr big5 koi8-r);
"text" =~ /\p{Script=Greek}|\p{Lowercase}|\p{General_Category=Symbol}/;
Unicode::Collate->new->sort("b", "a");
Unicode::UCD::charinfo(0x41);
print scalar(keys %INC), " files loaded\n";
exit(keys %INC > 150 ? 0 : 1);
